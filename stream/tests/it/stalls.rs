//! Failures at bad moments after which the processor must still find its way back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use crate::faults::{Fate, Step};
use crate::lives::read_through;
use crate::outcome::counts;
use crate::sent::{SENDERS, Sent, write};
use crate::site::Site;

/// Ten records of each agent, so that every partition of both topics may have some.
fn story() -> Vec<Sent> {
    let all = (0..10).flat_map(|_| 0..SENDERS + 2);
    all.map(|agent| match agent {
        SENDERS.. => Sent::Answered {
            agent,
            denied: false,
        },
        _ => Sent::Action {
            agent,
            seconds: 20,
            action: "files:read",
            ok: true,
        },
    })
    .collect()
}

async fn goes_on_after(steps: &[Step]) {
    let site = Arc::new(Site::new().await.unwrap());
    let post = write(&site, &story(), true);
    let log = post.to_log(&site).await.unwrap();
    let fate = Fate::new(steps.iter().copied());
    read_through(&site, &log, &post.origins, &fate)
        .await
        .unwrap();
    let found = counts(&site).await.unwrap();
    assert_eq!(
        found.applied,
        post.records.len() as u64,
        "{steps:?}: {found:?}"
    );
    assert_eq!((found.duplicates, found.dead_letters), (0, 0), "{steps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assignment_that_fails_half_way_loses_no_partition() {
    for number in 0..6 {
        goes_on_after(&[Step::SeekFails(number)]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_went_to_another_reader_meanwhile_hold_up_nothing() {
    for bits in [0b1, 0b11_0000, 0b11_1111] {
        goes_on_after(&[Step::Batch(9), Step::Batch(9), Step::Lost(bits)]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_fails_for_a_while_is_read_on_from_where_it_was() {
    goes_on_after(&[
        Step::PollFails,
        Step::Batch(7),
        Step::PollFails,
        Step::PollFails,
    ])
    .await;
}
