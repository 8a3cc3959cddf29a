//! The commands of those who run a server, straight on its database: servers may go on serving meanwhile.

pub mod link;

use medilink::config::Args;

/// What `medilink user` is told.
#[derive(Debug, clap::Subcommand)]
pub enum User {
    /// Link a person to who they are at the outside identity provider
    Link {
        #[command(flatten)]
        link: link::Link,
        #[command(flatten)]
        settings: Args,
    },
}

impl User {
    pub fn settings(&self) -> &Args {
        match self {
            User::Link { settings, .. } => settings,
        }
    }
}
