//! What every log promises, asked of memory, of the table on both databases, and of Kafka.

mod bell;
mod binary_mode;
mod commits;
mod contract;
mod fuzz;
mod group;
mod lag;
mod logs;
mod order_of_commits;
mod relay;
mod topic_replay;
