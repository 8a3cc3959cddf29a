//! Every setting as a flag, so that a subcommand only flattens [`Args`].

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command};

use super::Args;
use super::key::{FLAGS, KEYS};

impl clap::Args for Args {
    fn augment_args(mut command: Command) -> Command {
        for (row, flag) in KEYS.iter().zip(FLAGS.iter()) {
            let mut arg = Arg::new(row.name).long(flag.as_str()).value_name(row.value_name).help(row.long_help());
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
        let given =
            KEYS.iter().filter_map(|row| Some((row.name, matches.get_one::<String>(row.name)?.clone()))).collect();
        Ok(Args { given, config: matches.get_one::<PathBuf>("config").cloned() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Args::from_arg_matches(matches)?;
        Ok(())
    }
}
