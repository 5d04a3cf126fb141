//! The parser's events to a tree, with an explicit stack.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as Range};

use super::tree::{Fatal, Items, Pending, Tree};
use super::{Kind, Node, expand, syntax};
use crate::diagnostic::{Problem, Reporter};
use crate::environment::Environment;
use crate::source::Span;

pub(super) fn read(reporter: &Reporter<'_>, environment: &dyn Environment) -> Option<Node> {
    let source = reporter.source();
    // The scanner takes NUL for the end of the text, and would silently drop what follows.
    if let Some(line) = (1..=source.line_count()).find(|line| source.line(*line).contains('\0')) {
        let before = source.line(line).split('\0').next().unwrap_or_default();
        let column = u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX);
        let problem = Problem::new("a NUL character in the file", "text ends here")
            .help("this is no text file, or was written incompletely");
        reporter.error(Span { line, column, width: 1 }, problem);
        return None;
    }
    let mut tree = Tree {
        reporter,
        environment,
        budget: crate::MAX_FILE_BYTES,
        stack: Vec::new(),
        root: None,
        documents: 0,
        nodes: 0,
        anchors: HashMap::new(),
    };
    for event in Parser::new_from_str(source.text()) {
        let result = match event {
            Ok((event, range)) => tree.event(event, range),
            Err(error) => Err(Box::new(syntax::explain(&error, source))),
        };
        if let Err(fatal) = result {
            let (span, problem) = *fatal;
            reporter.error(span, problem);
            return None;
        }
    }
    if tree.root.as_ref().is_none_or(|root| root.kind == Kind::Null) {
        let least = match reporter.is_main() {
            true => {
                "the least that works: `listeners: [ 0.0.0.0:8080 ]`, `pools: pools/*.yaml`, `routes: [ { pool: NAME } ]`"
            }
            false => "a pool needs at least `endpoints: [10.0.1.11:8080]`",
        };
        let problem =
            Problem::new("the file is empty", "nothing but comments or blank lines").help(least);
        reporter.error(Span::START, problem);
        return None;
    }
    tree.root
}

impl Tree<'_> {
    fn event(&mut self, event: Event<'_>, range: Range) -> Result<(), Fatal> {
        let span = self.span(range);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let problem = Problem::new("a second YAML document", "begins here")
                        .help("a file holds one document; remove the `---`");
                    return Err(Box::new((span, problem)));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.tag(span, tag.is_some());
                let plain = style == ScalarStyle::Plain;
                if self.expects_key() {
                    self.grow(span, 1, 0)?;
                    self.key(text.into_owned(), plain, span);
                    return Ok(());
                }
                let kind =
                    if tag.is_some() { Kind::Broken } else { self.scalar(&text, plain, span) };
                self.grow(span, 1, 0)?;
                let span = self.place_of(span, plain && text.is_empty());
                self.finish(Node { span, kind }, anchor, 1, 0);
                Ok(())
            }
            Event::SequenceStart(anchor, tag) => {
                self.tag(span, tag.is_some());
                self.open(span, anchor, Items::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.tag(span, tag.is_some());
                let (entries, seen) = (Vec::new(), HashMap::new());
                self.open(span, anchor, Items::Mapping { entries, seen, key: Pending::None })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                // Only a closing bracket has a width.
                self.close(span, !range.is_empty());
                Ok(())
            }
            Event::Alias(anchor) => self.alias(anchor, span),
            _ => Ok(()),
        }
    }

    /// The place of an event. One that ends on a later line is as wide as its own line. Must not
    /// look at the line otherwise: a line may be the whole file.
    fn span(&self, range: Range) -> Span {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (line, column) = (number(range.start.line()), range.start.col());
        let end = if range.end.line() == range.start.line() {
            range.end.col()
        } else if range.is_empty() {
            column
        } else {
            self.reporter.source().line(line).trim_end().chars().count()
        };
        Span { line, column: number(column + 1), width: number(end.saturating_sub(column)).max(1) }
    }

    fn tag(&self, span: Span, tagged: bool) {
        if tagged {
            let label = "the value with this tag";
            self.reporter.error(
                span,
                Problem::new("YAML tags are not supported", label).help("remove the `!…`"),
            );
        }
    }

    fn scalar(&mut self, text: &str, plain: bool, span: Span) -> Kind {
        match expand::expand(text, self.environment, &mut self.budget) {
            Some(Err(problem)) => {
                self.reporter.error(span, problem);
                Kind::Broken
            }
            None if plain && is_null(text) => Kind::Null,
            None => Kind::Scalar { text: text.to_owned(), plain },
            Some(Ok(text)) if plain && is_null(&text) => Kind::Null,
            // Within `{ }` a variable must be quoted, and may be a number all the same.
            Some(Ok(text)) => Kind::Scalar { text, plain: true },
        }
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}
