//! `medilink user`: people, from the server's own host. Works on the configured database, while servers run or not.

use super::link;
use clap::Subcommand;
use medilink::access::role::Role;
use medilink::account::Accounts;
use medilink::account::admin::{By, NewAccount};
use medilink::account::reset::LINK_S;
use medilink::app::{self, Database, Failure};
use medilink::config::{Args, Settings};
use medilink::fault::Fault;
use medilink::store::identity::account::Account;
use std::io::Read;

/// People that `list` shows at most.
const LIST_MAX: i64 = 10_000;
/// Bytes of a password on the standard input.
const PASSWORD_MAX: u64 = 4096;

/// What `medilink user` is told.
#[derive(Debug, Clone, Subcommand)]
pub enum User {
    /// Add a person; without a password a link to set one is printed
    Add {
        /// What the person signs in with: letters a to z, digits and . _ - + @
        #[arg(long)]
        login: String,
        /// The name, as others see it
        #[arg(long)]
        name: String,
        /// A role, such as physician; can be given several times
        #[arg(long = "role", required = true, value_name = "ROLE", value_parser = role)]
        roles: Vec<Role>,
        /// The Patient, Practitioner or RelatedPerson that the person is, such as Practitioner/1
        #[arg(long, value_name = "TYPE/ID")]
        fhir_user: Option<String>,
        #[arg(long)]
        email: Option<String>,
        /// Read the password from the standard input
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        settings: Args,
    },
    /// List the people, the newest first
    List {
        #[command(flatten)]
        settings: Args,
    },
    /// Keep a person out: sessions, apps and tokens end
    Suspend {
        login: String,
        #[command(flatten)]
        settings: Args,
    },
    /// Let a person in who was suspended, or waits for approval
    Activate {
        login: String,
        #[command(flatten)]
        settings: Args,
    },
    /// Print a link by which a person sets a new password, once and within 30 minutes
    Reset {
        login: String,
        /// Take the authenticator app, the recovery codes and the passkeys away, too, of somebody who has lost them
        #[arg(long)]
        factors: bool,
        #[command(flatten)]
        settings: Args,
    },
    /// Link a person to who they are at the outside identity provider
    Link {
        #[command(flatten)]
        link: link::Link,
        #[command(flatten)]
        settings: Args,
    },
    /// Give a person these roles and no others
    Role {
        login: String,
        #[arg(long = "role", required = true, value_name = "ROLE", value_parser = role)]
        roles: Vec<Role>,
        #[command(flatten)]
        settings: Args,
    },
}

fn role(name: &str) -> Result<Role, String> {
    Role::parse(name).ok_or_else(|| {
        let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
        format!("the roles are {}", names.join(", "))
    })
}

impl User {
    pub fn settings(&self) -> &Args {
        match self {
            User::Add { settings, .. }
            | User::List { settings }
            | User::Suspend { settings, .. }
            | User::Activate { settings, .. }
            | User::Reset { settings, .. }
            | User::Link { settings, .. }
            | User::Role { settings, .. } => settings,
        }
    }
}

/// Runs the command.
pub async fn run(user: User, settings: &Settings) -> Result<(), Failure> {
    if let User::Link { link, .. } = &user {
        return link::run(link, settings).await;
    }
    let database = Database::open(settings).await?;
    let done = match app::accounts(settings, &database) {
        Ok(accounts) => {
            let done = perform(user, &accounts).await;
            // What was done is in the audit before the command ends.
            accounts.recorder.flush().await;
            done
        }
        Err(failure) => Err(failure),
    };
    database.close().await;
    done
}

async fn perform(user: User, accounts: &Accounts) -> Result<(), Failure> {
    let by = By::operator();
    match user {
        User::Add { login, name, roles, fhir_user, email, password_stdin, .. } => {
            let password = if password_stdin { Some(password()?) } else { None };
            let new = NewAccount { login, name, email, roles, fhir_user, password };
            let account = accounts.add(&new, &by).await.map_err(failed)?;
            println!("{} {}", account.id, account.login);
            if account.password.is_none() {
                link(accounts, &account, &by).await?;
            }
        }
        User::List { .. } => list(accounts).await?,
        User::Suspend { login, .. } => {
            let account = find(accounts, &login).await?;
            said(&accounts.suspend(account.id, &by).await.map_err(failed)?);
        }
        User::Activate { login, .. } => {
            let account = find(accounts, &login).await?;
            said(&accounts.activate(account.id, &by).await.map_err(failed)?);
        }
        User::Reset { login, factors, .. } => {
            let account = find(accounts, &login).await?;
            match factors {
                true => show(&accounts.remove_factors(account.id, &by).await.map_err(failed)?),
                false => link(accounts, &account, &by).await?,
            }
        }
        // Done by its own file before the accounts are opened.
        User::Link { .. } => {}
        User::Role { login, roles, .. } => {
            let account = find(accounts, &login).await?;
            said(&accounts.set_roles(account.id, &roles, &by).await.map_err(failed)?);
        }
    }
    Ok(())
}

fn password() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().take(PASSWORD_MAX).read_to_string(&mut text);
    read.map_err(|e| Failure(format!("failed to read the password: {e}")))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_string())
}

async fn find(accounts: &Accounts, login: &str) -> Result<Account, Failure> {
    let account = accounts.store.account_by_login(login).await.map_err(|e| Failure(e.to_string()))?;
    account.ok_or_else(|| Failure(format!("there is no person with the login '{login}'")))
}

async fn link(accounts: &Accounts, account: &Account, by: &By) -> Result<(), Failure> {
    show(&accounts.reset_link(account.id, by).await.map_err(failed)?);
    Ok(())
}

/// The link alone goes where a script reads.
fn show(link: &str) {
    eprintln!("this link sets a password once, within {} minutes:", LINK_S / 60);
    println!("{link}");
}

async fn list(accounts: &Accounts) -> Result<(), Failure> {
    let people = accounts.store.accounts(LIST_MAX).await.map_err(|e| Failure(e.to_string()))?;
    for account in &people {
        let person = account.fhir_user.as_ref().map_or("-".to_string(), |(t, id)| format!("{t}/{id}"));
        let factor = if account.totp.is_some() { "authenticator" } else { "-" };
        println!(
            "{}\t{}\t{}\t{}\t{person}\t{factor}",
            account.login,
            account.status.name(),
            names(account),
            account.name
        );
    }
    Ok(())
}

fn said(account: &Account) {
    println!("{} {} {}", account.login, account.status.name(), names(account));
}

fn names(account: &Account) -> String {
    let names: Vec<&str> = account.roles.iter().map(|role| role.name()).collect();
    names.join(",")
}

fn failed(fault: Fault) -> Failure {
    Failure(fault.to_string())
}
