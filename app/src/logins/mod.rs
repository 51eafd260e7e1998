//! Programs that sign in as a person who answers in a browser: what a browser carries from page to
//! page, the answer, and what the program gets for it.

mod answer;
mod device;
mod redeem;
mod visit;

pub use answer::LoginAnswered;
pub use device::DeviceLogin;
pub use redeem::{LoginGrant, RedeemError};
pub use visit::{DeviceSeen, LoginAsk, LoginStage, LoginVisit};
