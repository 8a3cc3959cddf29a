//! The commands of those who run a server, straight on its database: servers may go on serving meanwhile.

pub mod client;
