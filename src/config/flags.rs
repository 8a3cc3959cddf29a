//! Every setting as a flag, so that a subcommand only flattens [`Args`].

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command};

use super::Args;
use super::key::{FLAGS, IDS, KEYS};

impl clap::Args for Args {
    fn augment_args(mut command: Command) -> Command {
        for ((row, flag), id) in KEYS.iter().zip(FLAGS.iter()).zip(IDS.iter()) {
            // A flag of the command itself goes before a setting of the same name; there is still the environment for that.
            if command.get_arguments().any(|known| known.get_long() == Some(flag.as_str())) {
                continue;
            }
            let mut arg = Arg::new(id.as_str()).long(flag.as_str()).value_name(row.value_name).help(row.long_help());
            arg = arg.help_heading("Settings (flag, then MEDILINK_<KEY> in the environment, then medilink.toml)");
            command = command.arg(arg.hide_short_help(row.rare));
        }
        command.arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .help("Settings file; otherwise $MEDILINK_CONFIG, otherwise ./medilink.toml if it is there"),
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Args::augment_args(command)
    }
}

impl clap::FromArgMatches for Args {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Args, clap::Error> {
        let value = |id: &String| matches.try_get_one::<String>(id).ok().flatten().cloned();
        let given = KEYS.iter().zip(IDS.iter()).filter_map(|(row, id)| Some((row.name, value(id)?))).collect();
        Ok(Args { given, config: matches.get_one::<PathBuf>("config").cloned() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Args::from_arg_matches(matches)?;
        Ok(())
    }
}
