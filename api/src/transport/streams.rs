//! Role: how many websockets and event streams each caller has open.
//!
//! Guarantees: what was opened is closed with its guard, however the stream ends; memory grows with
//! open streams only.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_graphql::ServerError;

use super::{error::ErrorCode, rate::Caller};

/// The open streams of all callers.
#[derive(Debug)]
pub(crate) struct Streams {
    most: u32,
    open: Mutex<HashMap<Caller, u32>>,
}

/// One open stream; dropping it closes it.
#[derive(Debug)]
pub(crate) struct OpenStream {
    streams: Arc<Streams>,
    caller: Caller,
}

impl Streams {
    pub(crate) fn new(most: u32) -> Arc<Self> {
        let open = Mutex::default();
        Arc::new(Self { most, open })
    }

    /// Counts one more, unless the caller has the most that it may.
    pub(crate) fn open(self: &Arc<Self>, caller: Caller) -> Result<OpenStream, ServerError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(caller).or_default();
        if *count >= self.most {
            return Err(ErrorCode::RateLimited.error(format!(
                "{} websockets and event streams are open, the most for one actor: close one",
                self.most
            )));
        }
        *count += 1;
        Ok(OpenStream {
            streams: Arc::clone(self),
            caller,
        })
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let open = &self.streams.open;
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_its_own_most_and_closing_makes_room() {
        let streams = Streams::new(1);
        let (one, other) = (Caller::at(None), Caller::at("192.0.2.1".parse().ok()));
        let first = streams.open(one).unwrap();
        assert!(streams.open(one).is_err());
        let second = streams.open(other).unwrap();
        drop(first);
        assert!(streams.open(one).is_ok());
        drop(second);
        assert!(streams.open.lock().unwrap().is_empty());
    }
}
