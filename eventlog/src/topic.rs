//! What is read from where.

/// The two streams of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Our own facts, written by transactions.
    Events,
    /// Actions that fleets report, signed by their agents.
    Actions,
}

impl Topic {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Events, Self::Actions];

    /// Its name on the wire and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "aim.events",
            Self::Actions => "aim.actions",
        }
    }

    /// The topic with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }
}

/// A part of a topic that keeps its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// Of which topic.
    pub topic: Topic,
    /// Counted from 0.
    pub number: i32,
}
