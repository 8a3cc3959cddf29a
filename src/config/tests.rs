//! Tables of right and wrong settings.

use clap::{Args as _, Command, FromArgMatches as _};

use super::*;

type Flags<'a> = &'a [&'a str];
type Env<'a> = &'a [(&'a str, &'a str)];
type File<'a> = Option<&'a str>;

fn run(flags: Flags, env: Env, file: File) -> Result<Settings, SettingsError> {
    let command = Args::augment_args(Command::new("serve").no_binary_name(true));
    let args = Args::from_arg_matches(&command.get_matches_from(flags)).expect("flags of the test");
    let env: Vec<_> = env.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    resolve(&args, &env, file.map(|text| ("medilink.toml", text)))
}

fn right(flags: Flags, env: Env, file: File) -> Settings {
    run(flags, env, file).unwrap_or_else(|error| panic!("refused: {error}"))
}

fn wrong(flags: Flags, env: Env, file: File) -> String {
    run(flags, env, file).err().map_or("accepted".to_string(), |error| error.to_string())
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let settings = right(&[], &[], None);
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.base_url, "http://127.0.0.1:8080/fhir");
    assert_eq!(settings.database_url, None);
    assert_eq!(settings.data_dir, PathBuf::from("./data"));
    assert_eq!(settings.auth, Auth::Smart);
    assert_eq!(settings.mllp_listen.map(|a| a.to_string()).as_deref(), Some("127.0.0.1:2575"));
    assert_eq!(settings.metrics_listen, None);
    assert_eq!(settings.log, "info");
    assert!(settings.workers > 0);
    assert_eq!(settings.limits.body_bytes_max, 64 << 20);
    assert_eq!(settings.warnings, Vec::<String>::new());
}

#[test]
fn a_flag_beats_the_environment_and_that_beats_the_file() {
    let file = Some("listen = \"127.0.0.1:1\"\nworkers = 3\n");
    let env = [("MEDILINK_LISTEN", "127.0.0.1:2")];
    assert_eq!(right(&["--listen", "127.0.0.1:3"], &env, file).listen.port(), 3);
    assert_eq!(right(&[], &env, file).listen.port(), 2);
    assert_eq!(right(&[], &[], file).listen.port(), 1);
    assert_eq!(right(&[], &env, file).workers, 3);
}

#[test]
fn the_database_url_may_have_its_customary_name() {
    let plain = ("DATABASE_URL", "postgres://a@b/c");
    let ours = ("MEDILINK_DATABASE_URL", "postgresql://d@e/f");
    assert_eq!(right(&[], &[plain], None).database_url.as_deref(), Some("postgres://a@b/c"));
    assert_eq!(right(&[], &[plain, ours], None).database_url.as_deref(), Some("postgresql://d@e/f"));
}

#[test]
fn empty_means_none_or_unset() {
    assert_eq!(right(&["--mllp-listen", ""], &[], None).mllp_listen, None);
    assert_eq!(right(&[], &[("MEDILINK_MLLP_LISTEN", "")], None).mllp_listen, None);
    assert_eq!(right(&[], &[("MEDILINK_LISTEN", ""), ("DATABASE_URL", "")], None).listen.port(), 8080);
    assert_eq!(right(&[], &[], Some("database_url = ''")).database_url, None);
}

#[test]
fn the_base_url_follows_the_listener_unless_set() {
    let cases = [
        ("127.0.0.1:9000", "http://127.0.0.1:9000/fhir"),
        ("0.0.0.0:80", "http://127.0.0.1:80/fhir"),
        ("[::]:80", "http://[::1]:80/fhir"),
        ("localhost:81", "http://127.0.0.1:81/fhir"),
    ];
    for (listen, expected) in cases {
        assert_eq!(right(&["--listen", listen], &[], None).base_url, expected);
    }
    assert_eq!(right(&["--base-url", "https://h.example/r4/"], &[], None).base_url, "https://h.example/r4");
}

#[test]
fn auth_off_needs_a_loopback_listener_and_warns() {
    assert_eq!(right(&["--auth", "off"], &[], None).warnings.len(), 1);
    assert_eq!(right(&["--auth", "off", "--listen", "[::1]:80"], &[], None).auth, Auth::Off);
    assert_eq!(
        wrong(&["--auth", "off"], &[("MEDILINK_LISTEN", "0.0.0.0:80")], None),
        "auth = \"off\" (flag --auth): allowed only on a loopback listener such as 127.0.0.1:8080, \
         but listen is \"0.0.0.0:80\" (environment MEDILINK_LISTEN)"
    );
}

#[test]
fn a_wrong_value_names_key_origin_value_and_what_is_allowed() {
    let address = "allowed is an address and port such as 127.0.0.1:8080 or [::1]:8080";
    let cases: [(Flags, Env, File, String); 12] = [
        (&["--listen", "80"], &[], None, format!("listen = \"80\" (flag --listen): {address}")),
        (
            &[],
            &[("MEDILINK_METRICS_LISTEN", "x")],
            None,
            format!("metrics_listen = \"x\" (environment MEDILINK_METRICS_LISTEN): {address}, or empty for none"),
        ),
        (&[], &[], Some("\nauth = 'none'"), "auth = \"none\" (medilink.toml:2): allowed is smart or off".into()),
        (
            &[],
            &[],
            Some("page_size_max = 0"),
            "page_size_max = \"0\" (medilink.toml:1): allowed is a whole number from 1 to 100000".into(),
        ),
        (
            &["--depth-max", "ten"],
            &[],
            None,
            "depth_max = \"ten\" (flag --depth-max): allowed is a whole number from 8 to 256".into(),
        ),
        (
            &["--base-url", "ftp://x"],
            &[],
            None,
            format!("base_url = \"ftp://x\" (flag --base-url): allowed is {URL}, or empty for none"),
        ),
        (
            &[],
            &[("DATABASE_URL", "mysql://me:secret@h/d")],
            None,
            "database_url = \"(not shown)\" (environment DATABASE_URL): allowed is \
             postgres://user@host:port/database, or empty for none"
                .into(),
        ),
        (
            &["--log", "a=b=c"],
            &[],
            None,
            "log = \"a=b=c\" (flag --log): allowed is a filter such as info or medilink=debug,warn".into(),
        ),
        (&[], &[], Some("lisen = 'x'"), "medilink.toml:1: no setting \"lisen\"; did you mean listen?".into()),
        (&[], &[], Some("# a\n\n[limits]\nx = 1"), "medilink.toml:3: no setting \"limits\"".into()),
        (
            &[],
            &[],
            Some("listen = ['a']"),
            "medilink.toml:1: listen has the TOML type array: allowed is a string, a number, true or false".into(),
        ),
        (
            &["--page-size-max", "10"],
            &[],
            None,
            "page_size_default = \"50\" (the default): allowed is at most page_size_max, which is 10".into(),
        ),
    ];
    for (flags, env, file, expected) in cases {
        assert_eq!(wrong(flags, env, file), expected);
    }
}

#[test]
fn broken_toml_names_the_line() {
    let message = wrong(&[], &[], Some("listen = '127.0.0.1:1'\nauth = = off\n"));
    assert!(message.starts_with("medilink.toml:2: not TOML: "), "{message}");
}

#[test]
fn all_mistakes_show_at_once() {
    let message = wrong(&["--listen", "x"], &[("MEDILINK_AUTH", "y")], Some("colour = 1"));
    assert_eq!(message.lines().count(), 3, "{message}");
}

#[test]
fn half_a_key_pair_is_refused_and_a_whole_one_warned_about() {
    assert_eq!(wrong(&["--tls-cert", "c.pem"], &[], None), "tls_cert (flag --tls-cert): needs tls_key too");
    assert_eq!(right(&["--tls-cert", "c.pem", "--tls-key", "k.pem"], &[], None).warnings.len(), 1);
}

#[test]
fn senders_of_hl7_v2_are_asked_for_certificates_over_tls_alone() {
    let pair = ["--mllp-tls-cert", "c.pem", "--mllp-tls-key", "k.pem"];
    let authority = ["--mllp-tls-client-ca", "a.pem"];
    let settings = right(&[&pair[..], &authority].concat(), &[], None);
    assert_eq!(settings.warnings, Vec::<String>::new());
    assert_eq!(settings.mllp_tls_client_ca, Some(PathBuf::from("a.pem")));
    assert!(wrong(&authority, &[], None).contains("needs mllp_tls_cert and mllp_tls_key too"));
    assert!(wrong(&pair[..2], &[], None).contains("needs mllp_tls_key too"));
    let open = ["--mllp-listen", "0.0.0.0:2575"];
    assert_eq!(right(&[&open[..], &pair].concat(), &[], None).warnings.len(), 1);
    assert_eq!(right(&[&open[..], &pair, &authority].concat(), &[], None).warnings.len(), 0);
    assert_eq!(right(&[], &[], None).limits.mllp_frame_bytes_max, 16 << 20);
}

#[test]
fn an_unknown_variable_of_ours_is_warned_about() {
    let settings = right(&[], &[("MEDILINK_LISTN", "x"), ("MEDILINK_TOKEN", "t"), ("OTHER", "y")], None);
    assert_eq!(settings.warnings, ["environment MEDILINK_LISTN: no such setting; did you mean MEDILINK_LISTEN?"]);
}

#[test]
fn a_named_settings_file_must_exist() {
    let missing = gather::read_file(Some(std::path::Path::new("/nonexistent/m.toml")), &[]);
    assert!(missing.is_err_and(|problem| problem.starts_with("failed to read the settings file /nonexistent/m.toml")));
}

#[test]
fn an_outside_provider_is_set_as_a_whole() {
    let issuer = ["--federation-issuer", "https://id.example/realm/"];
    let id = ["--federation-client-id", "us"];
    assert!(right(&[], &[], None).federation.is_none());
    let whole = right(&[issuer, id].concat(), &[("MEDILINK_FEDERATION_CLIENT_SECRET", "s")], None);
    let whole = whole.federation.expect("it is set");
    assert_eq!((whole.issuer.as_str(), whole.name.as_str()), ("https://id.example/realm/", "id.example"));
    assert_eq!(whole.client_secret.as_deref(), Some("s"));
    assert!(wrong(&issuer, &[], None).contains("needs federation_client_id too"));
    assert!(wrong(&id, &[], None).contains("needs federation_issuer too"));
    assert!(wrong(&["--federation-issuer", "id.example"], &[], None).contains("federation_issuer"));
}
