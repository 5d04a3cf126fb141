//! The tree while it grows: a stack of what is open, the anchors so far, and the bounds.

use std::collections::HashMap;

use super::{Key, Kind, MAX_DEPTH, MAX_NODES, Node, syntax};
use crate::diagnostic::{Problem, Reporter, quote};
use crate::environment::Environment;
use crate::source::Span;

/// What ends the reading of a file.
pub(super) type Fatal = Box<(Span, Problem)>;

/// A finished anchor: the value, and what repeating it costs.
pub(super) struct Anchored {
    node: Node,
    nodes: usize,
    height: usize,
}

/// A list or mapping that has not ended.
pub(super) struct Frame {
    span: Span,
    anchor: usize,
    /// [`Tree::nodes`] when it began.
    began: usize,
    height: usize,
    is_key: bool,
    items: Items,
}

pub(super) enum Items {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<(Key, Node)>, seen: HashMap<String, Span>, key: Pending },
}

pub(super) enum Pending {
    /// A key is next.
    None,
    /// A value is next, for this key.
    Key(Key),
    /// A value is next, for a key that has been reported.
    Refused,
}

pub(super) struct Tree<'a> {
    pub(super) reporter: &'a Reporter<'a>,
    pub(super) environment: &'a dyn Environment,
    /// How many more bytes variables may expand to.
    pub(super) budget: usize,
    pub(super) stack: Vec<Frame>,
    pub(super) root: Option<Node>,
    pub(super) documents: usize,
    pub(super) nodes: usize,
    pub(super) anchors: HashMap<usize, Anchored>,
}

impl Tree<'_> {
    pub(super) fn expects_key(&self) -> bool {
        let frame = self.stack.last();
        matches!(frame, Some(Frame { items: Items::Mapping { key: Pending::None, .. }, .. }))
    }

    /// Nothing has no place of its own: it stands where its key stands.
    pub(super) fn place_of(&self, span: Span, is_nothing: bool) -> Span {
        match self.stack.last() {
            Some(Frame { items: Items::Mapping { key: Pending::Key(key), .. }, .. })
                if is_nothing =>
            {
                key.span
            }
            _ => span,
        }
    }

    pub(super) fn key(&mut self, text: String, plain: bool, span: Span) {
        let Some(Frame { items: Items::Mapping { seen, key, .. }, span: mapping, .. }) =
            self.stack.last_mut()
        else {
            return;
        };
        if seen.is_empty() && mapping.line == span.line && mapping.column == span.column {
            // A block mapping is where its first key is.
            *mapping = span;
        }
        *key = Pending::Refused;
        let problem = if text == "<<" && plain {
            Problem::new("merge keys are not supported", "`<<` is not part of YAML 1.2")
                .help("repeat the keys, or let the whole value be an alias: `retry: *shared`")
        } else if text.is_empty() {
            Problem::new("a key is missing", "nothing stands in front of the `:`")
        } else if let Some(first) = seen.get(&text) {
            Problem::new(format!("{} is given twice", quote(&text)), "again here")
                .related(*first, "first here")
                .help("keep one of the two")
        } else {
            seen.insert(text.clone(), span);
            *key = Pending::Key(Key { text, span });
            return;
        };
        self.reporter.error(span, problem);
    }

    pub(super) fn open(&mut self, span: Span, anchor: usize, items: Items) -> Result<(), Fatal> {
        self.grow(span, 1, 1)?;
        let is_key = self.expects_key();
        self.stack.push(Frame { span, anchor, began: self.nodes, height: 0, is_key, items });
        Ok(())
    }

    pub(super) fn close(&mut self, end: Span, flows: bool) {
        let Some(frame) = self.stack.pop() else {
            return;
        };
        let Frame { mut span, anchor, began, height, is_key, items } = frame;
        if flows && end.line == span.line {
            span.width = (end.column + end.width).saturating_sub(span.column).max(1);
        } else if flows {
            let line = self.reporter.source().line(span.line).trim_end();
            let length = u32::try_from(line.chars().count()).unwrap_or(u32::MAX);
            span.width = (length + 1).saturating_sub(span.column).max(1);
        }
        let kind = match items {
            Items::Sequence(items) => Kind::Sequence(items),
            Items::Mapping { entries, .. } => Kind::Mapping(entries),
        };
        if is_key {
            let problem = Problem::new("a list or mapping cannot be a key", "keys are plain words")
                .help("if this is a template's, render it first; variables are written `${NAME}`");
            self.reporter.error(span, problem);
            if let Some(Frame { items: Items::Mapping { key, .. }, .. }) = self.stack.last_mut() {
                *key = Pending::Refused;
            }
            return;
        }
        self.finish(Node { span, kind }, anchor, self.nodes - began + 1, height + 1);
    }

    pub(super) fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Fatal> {
        if self.expects_key() {
            self.reporter
                .error(span, Problem::new("an alias cannot be a key", "keys are plain words"));
            if let Some(Frame { items: Items::Mapping { key, .. }, .. }) = self.stack.last_mut() {
                *key = Pending::Refused;
            }
            return Ok(());
        }
        let Some(Anchored { nodes, height, .. }) = self.anchors.get(&anchor) else {
            let label = "this would never end";
            let problem = Problem::new("an alias stands inside of what it repeats", label)
                .help("write out what is meant here");
            return Err(Box::new((span, problem)));
        };
        let (nodes, height) = (*nodes, *height);
        self.grow(span, nodes, height)?;
        if let Some(Anchored { node, .. }) = self.anchors.get(&anchor) {
            self.finish(node.clone(), 0, nodes, height);
        }
        Ok(())
    }

    /// Accounts for nodes to come, and refuses what passes the bounds.
    pub(super) fn grow(&mut self, span: Span, nodes: usize, height: usize) -> Result<(), Fatal> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            let message = format!("the file holds more than {MAX_NODES} values");
            let problem = Problem::new(message, "the limit is passed here")
                .help("aliases count as often as they are used; split large pools");
            return Err(Box::new((span, problem)));
        }
        if self.stack.len() + height > MAX_DEPTH {
            return Err(Box::new((span, syntax::too_deep())));
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, node: Node, anchor: usize, nodes: usize, height: usize) {
        if anchor != 0 {
            // The copy counts, too.
            self.nodes = self.nodes.saturating_add(nodes);
            self.anchors.insert(anchor, Anchored { node: node.clone(), nodes, height });
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return;
        };
        frame.height = frame.height.max(height);
        match &mut frame.items {
            Items::Sequence(items) => items.push(node),
            Items::Mapping { entries, key, .. } => {
                if let Pending::Key(key) = std::mem::replace(key, Pending::None) {
                    entries.push((key, node));
                }
            }
        }
    }
}
