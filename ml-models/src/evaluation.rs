//! How well attacks are told from ordinary runs, measured on recordings.
