//! Answers and the many ways to get one wrong.

use std::io;
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::answer::{Answer, Framing};
use super::behavior::{Behavior, Early, Ending};
use super::connection::{Connection, Next, Request};
use super::record::hash;
use crate::wire::body::{BodyDecoder, LAST_CHUNK, chunk};
use crate::wire::{self, header};

/// How long an upgrade takes. When a 101 overtakes the end of its request within the gateway, Pingora
/// 0.9.1 takes that for the end of the tunnel, one time in two; only on loopback is anybody so fast.
const UPGRADE: Duration = Duration::from_millis(20);

/// How long a half-closed connection is drained.
const LINGER: Duration = Duration::from_secs(1);

impl Connection {
    pub(super) async fn reply(
        &mut self,
        request: &mut Request,
        behavior: Behavior,
    ) -> io::Result<Next> {
        match behavior {
            Behavior::Answer(answer) => self.answer(request, &answer).await,
            Behavior::Echo { body } => {
                let answer = self.echo(request, body);
                self.answer(request, &answer).await
            }
            Behavior::ResetOnAccept | Behavior::RefuseConnections | Behavior::DropSyns => {
                Ok(Next::End(Ending::Rst))
            }
            Behavior::AcceptAndSilent { reads: true } => self.silence().await,
            Behavior::AcceptAndSilent { reads: false } => std::future::pending().await,
            Behavior::CloseBeforeAnswer(ending) => Ok(Next::End(ending)),
            Behavior::CloseOnReuse { ending, .. } if request.info.nth > 0 => Ok(Next::End(ending)),
            Behavior::CloseOnReuse { .. } => self.answer(request, &Answer::ok("ok\n")).await,
            Behavior::CloseAfterAnswerSilently { idle, ending } => {
                self.answer(request, &Answer::ok("ok\n")).await?;
                Ok(if idle.is_zero() { Next::End(ending) } else { Next::KeepFor(idle, ending) })
            }
            Behavior::CloseAfterEvery { answers, ending } => {
                let next = self.answer(request, &Answer::ok("ok\n")).await?;
                let last = (request.info.nth + 1).is_multiple_of(answers.max(1));
                Ok(if last { Next::End(ending) } else { next })
            }
            Behavior::Slots { free, answer } => match free.try_acquire() {
                Ok(_busy) => self.answer(request, &answer).await,
                Err(_) => self.answer(request, &Answer::status(503)).await,
            },
            Behavior::Garbage(bytes) => self.send_then(&bytes, Ending::Fin).await,
            Behavior::TruncatedHeader(ending) => {
                self.send_then(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\nx-cut: he", ending).await
            }
            Behavior::TruncatedBody { framing, declared, sent, ending } => {
                self.partial(request, framing, declared, sent).await?;
                Ok(Next::End(ending))
            }
            Behavior::StalledBody { framing, declared, sent } => {
                self.partial(request, framing, declared, sent).await?;
                self.silence().await
            }
            Behavior::SlowBody { framing, piece, count, gap } => {
                self.slow_body(request, framing, piece, count, gap).await
            }
            Behavior::SlowHeader { answer, gap } => {
                for byte in self.head_of(request, &answer, answer.body.len()) {
                    tokio::time::sleep(gap).await;
                    self.send(&[byte]).await?;
                }
                self.body(request, &answer).await
            }
            Behavior::HugeHeader(bytes) => {
                let answer = Answer::ok("ok\n").header("x-huge", &"a".repeat(bytes));
                self.answer(request, &answer).await
            }
            Behavior::EarlyAnswer { answer, then } => self.early(request, &answer, then).await,
            Behavior::ReadHalfOfBodyThenReset => {
                let half = match request.body {
                    BodyDecoder::Length(length) => length / 2,
                    _ => 1,
                };
                self.read_body(request, half).await?;
                Ok(Next::End(Ending::Rst))
            }
            Behavior::Informational { statuses, answer } => {
                for status in statuses {
                    let link = if status == 103 { "link: </a.css>; rel=preload\r\n" } else { "" };
                    let interim = format!("{}{link}\r\n", status_line(status));
                    self.send(interim.as_bytes()).await?;
                }
                self.answer(request, &answer).await
            }
            Behavior::Upgrade => self.upgrade(request).await,
            // `resolve` has made something else of these.
            Behavior::Sometimes(_) | Behavior::Script(_) => Ok(Next::End(Ending::Rst)),
        }
    }

    /// A complete and correct answer.
    async fn answer(&mut self, request: &mut Request, answer: &Answer) -> io::Result<Next> {
        tokio::time::sleep(answer.delay).await;
        let head = self.head_of(request, answer, answer.body.len());
        self.send(&head).await?;
        self.body(request, answer).await
    }

    async fn body(&mut self, request: &mut Request, answer: &Answer) -> io::Result<Next> {
        if has_body(request, answer.status) {
            match answer.framing {
                Framing::Chunked => {
                    self.send(&[&chunk(&answer.body), LAST_CHUNK].concat()).await?;
                }
                Framing::ContentLength | Framing::UntilClose => self.send(&answer.body).await?,
            }
        }
        self.answered(request);
        Ok(if keeps(request, answer) { Next::Keep } else { Next::End(Ending::Fin) })
    }

    fn answered(&self, request: &Request) {
        self.shared.log.update(request.entry, |r| r.answered = true);
    }

    /// The head of an answer that announces `length` bytes.
    fn head_of(&self, request: &Request, answer: &Answer, length: usize) -> Vec<u8> {
        let mut head = status_line(answer.status);
        for (name, value) in &answer.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("x-backend: {}\r\n", self.shared.port.addr());
        if answer.status >= 200 && answer.status != 204 {
            match answer.framing {
                Framing::ContentLength => head += &format!("content-length: {length}\r\n"),
                Framing::Chunked => head += "transfer-encoding: chunked\r\n",
                Framing::UntilClose => {}
            }
        }
        if !keeps(request, answer) && !wire::has_token(&answer.headers, "connection", "close") {
            head += "connection: close\r\n";
        }
        head += "\r\n";
        head.into_bytes()
    }

    fn echo(&self, request: &Request, body: bool) -> Answer {
        let info = &request.info;
        let mut said = json!({
            "method": info.method,
            "target": info.target,
            "headers": info.headers,
            "body_len": request.content.len(),
            "body_hash": format!("{:016x}", hash(&request.content)),
            "backend": self.shared.port.addr().to_string(),
        });
        if body {
            said["body"] = String::from_utf8_lossy(&request.content).into();
        }
        Answer::ok(said.to_string()).header("content-type", "application/json")
    }

    async fn send_then(&mut self, bytes: &[u8], ending: Ending) -> io::Result<Next> {
        self.send(bytes).await?;
        Ok(Next::End(ending))
    }

    /// Reads and says nothing until the peer has had enough.
    async fn silence(&mut self) -> io::Result<Next> {
        while self.fill().await? > 0 {
            self.buf.clear();
        }
        Ok(Next::End(Ending::Fin))
    }

    /// A head, then only `sent` of `declared` bytes.
    async fn partial(
        &mut self,
        request: &Request,
        framing: Framing,
        declared: usize,
        sent: usize,
    ) -> io::Result<()> {
        let answer = Answer::ok("").framing(framing);
        let mut bytes = self.head_of(request, &answer, declared);
        let content = vec![b'x'; sent.min(declared)];
        if framing == Framing::Chunked {
            let whole = chunk(&vec![b'x'; declared]);
            let size_line = whole.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1);
            bytes.extend_from_slice(&whole[..size_line]);
        }
        bytes.extend_from_slice(&content);
        if framing == Framing::Chunked && sent >= declared {
            bytes.extend_from_slice(b"\r\n");
        }
        self.send(&bytes).await
    }

    async fn slow_body(
        &mut self,
        request: &Request,
        framing: Framing,
        piece: usize,
        count: usize,
        gap: Duration,
    ) -> io::Result<Next> {
        let answer = Answer::ok("").framing(framing);
        let head = self.head_of(request, &answer, piece * count);
        self.send(&head).await?;
        let piece = vec![b'x'; piece];
        for _ in 0..count {
            tokio::time::sleep(gap).await;
            match framing {
                Framing::Chunked => self.send(&chunk(&piece)).await?,
                Framing::ContentLength | Framing::UntilClose => self.send(&piece).await?,
            }
        }
        if framing == Framing::Chunked {
            self.send(LAST_CHUNK).await?;
        }
        self.answered(request);
        Ok(if keeps(request, &answer) { Next::Keep } else { Next::End(Ending::Fin) })
    }

    async fn early(
        &mut self,
        request: &mut Request,
        answer: &Answer,
        then: Early,
    ) -> io::Result<Next> {
        match then {
            Early::Keep => {
                let next = self.answer(request, answer).await?;
                self.read_body(request, u64::MAX).await?;
                Ok(next)
            }
            Early::Close(Ending::Rst) => {
                self.answer(request, answer).await?;
                Ok(Next::End(Ending::Rst))
            }
            Early::Close(Ending::Fin) => {
                request.keep = false;
                self.answer(request, answer).await?;
                self.stream.shutdown().await?;
                // However the draining ends, the connection is over.
                let _ = tokio::time::timeout(LINGER, self.silence()).await;
                Ok(Next::End(Ending::Fin))
            }
        }
    }

    async fn upgrade(&mut self, request: &mut Request) -> io::Result<Next> {
        let wanted = header(&request.info.headers, "upgrade").map(str::to_owned);
        let Some(protocol) = wanted else {
            return self.answer(request, &Answer::status(426)).await;
        };
        let head =
            format!("{}connection: Upgrade\r\nupgrade: {protocol}\r\n\r\n", status_line(101));
        tokio::time::sleep(UPGRADE).await;
        self.send(head.as_bytes()).await?;
        self.answered(request);
        loop {
            let bytes = self.buf.split();
            self.send(&bytes).await?;
            if self.fill().await? == 0 {
                return Ok(Next::End(Ending::Fin));
            }
        }
    }
}

fn has_body(request: &Request, status: u16) -> bool {
    request.info.method != "HEAD" && !matches!(status, 100..=199 | 204 | 304)
}

fn keeps(request: &Request, answer: &Answer) -> bool {
    let ends_body = answer.framing == Framing::UntilClose && has_body(request, answer.status);
    request.keep && !ends_body && !wire::has_token(&answer.headers, "connection", "close")
}

fn status_line(status: u16) -> String {
    let reason = match status {
        100 => "Continue",
        101 => "Switching Protocols",
        103 => "Early Hints",
        200 => "OK",
        404 => "Not Found",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    };
    format!("HTTP/1.1 {status} {reason}\r\n")
}
