//! An effective configuration as text, taken apart into its documents.
//!
//! Each begins with a line `# FILE`, and `---` alone on a line stands between two. No value can look like
//! that: everything but the keys of the first level is indented or begins with `- `. So the text is cut
//! without being parsed, and a document is parsed once it is asked for.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use serde_yaml::{Mapping, Value};

use crate::diagnostic::quote;

/// Of two configurations, which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one in force.
    Running,
    /// The one that would follow.
    Next,
}

/// A text that is no effective configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotEffective {
    /// Which of the two.
    pub side: Side,
    problem: String,
}

impl fmt::Display for NotEffective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Running => "what is running",
            Side::Next => "what would follow",
        };
        write!(f, "{side} is no effective configuration: {}", self.problem)
    }
}

impl std::error::Error for NotEffective {}

/// A file of a configuration.
#[derive(Debug)]
pub(super) struct Document<'a> {
    /// Of a pool.
    pub(super) name: &'a str,
    file: &'a str,
    text: &'a str,
    side: Side,
    tree: OnceCell<Result<Mapping, NotEffective>>,
}

impl<'a> Document<'a> {
    fn new(text: &'a str, side: Side) -> Result<Self, NotEffective> {
        let (head, text) = text.split_once('\n').unwrap_or((text, ""));
        let Some(file) = head.strip_prefix("# ") else {
            let problem = format!(
                "each file begins with a line `# FILE`, and this with {}",
                if head.is_empty() { "an empty one".to_owned() } else { quote(head) },
            );
            return Err(NotEffective { side, problem });
        };
        let name = Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or(file);
        Ok(Self { name, file, text, side, tree: OnceCell::new() })
    }

    /// Whether two files are equal as text; their names do not count.
    pub(super) fn same(&self, other: &Document<'_>) -> bool {
        self.text.trim_end() == other.text.trim_end()
    }

    /// The keys and values.
    pub(super) fn tree(&self) -> Result<&Mapping, NotEffective> {
        let tree = self.tree.get_or_init(|| {
            let problem = match serde_yaml::from_str(self.text) {
                Ok(Value::Mapping(tree)) => return Ok(tree),
                Ok(_) => "there are no keys in it".to_owned(),
                Err(error) => error.to_string(),
            };
            let problem = format!("{}: {problem}", quote(self.file));
            Err(NotEffective { side: self.side, problem })
        });
        tree.as_ref().map_err(Clone::clone)
    }
}

/// The files of a configuration.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    main: Document<'a>,
    pools: Vec<Document<'a>>,
    positions: HashMap<&'a str, usize>,
}

impl<'a> Stream<'a> {
    pub(super) fn new(text: &'a str, side: Side) -> Result<Self, NotEffective> {
        let mut texts = text.split("\n---\n");
        let main = Document::new(texts.next().unwrap_or_default(), side)?;
        let pools: Vec<_> =
            texts.map(|text| Document::new(text, side)).collect::<Result<_, _>>()?;
        let mut positions = HashMap::with_capacity(pools.len());
        for (position, pool) in pools.iter().enumerate() {
            if positions.insert(pool.name, position).is_some() {
                let problem = format!("there are two files of a pool {}", quote(pool.name));
                return Err(NotEffective { side, problem });
            }
        }
        Ok(Self { main, pools, positions })
    }

    pub(super) fn main(&self) -> &Document<'a> {
        &self.main
    }

    pub(super) fn pools(&self) -> &[Document<'a>] {
        &self.pools
    }

    pub(super) fn pool(&self, name: &str) -> Option<&Document<'a>> {
        self.pools.get(*self.positions.get(name)?)
    }
}
