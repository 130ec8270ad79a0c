use super::super::profiles::Profiles;
use super::super::world::World;
use super::*;
use crate::Options;
use base::error::{Error, Kind};

/// A home with the two files, and variables.
struct Home {
    dir: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
    settings: Vec<(&'static str, &'static str)>,
}

impl Home {
    fn new(config: &str, credentials: &str) -> Home {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".aws")).unwrap();
        for (name, text) in [("config", config), ("credentials", credentials)] {
            if !text.is_empty() {
                std::fs::write(dir.path().join(".aws").join(name), text).unwrap();
            }
        }
        let variables = vec![("HOME", dir.path().to_str().unwrap().to_owned())];
        Home { dir, variables, settings: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: &str) -> Home {
        self.variables.push((name, value.to_owned()));
        self
    }

    fn set(mut self, name: &'static str, value: &'static str) -> Home {
        self.settings.push((name, value));
        self
    }

    fn world(&self) -> World {
        let settings = self.settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let options = Options { environment: true, settings, ..Options::default() };
        World::new(&options, "aws_", self.variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())))
    }

    fn choose(&self) -> Result<Choice, Lack> {
        let world = self.world();
        choose(&world, &Profiles::read(&world)?)
    }

    /// A word that tells which source was chosen.
    fn chosen(&self) -> String {
        told(&self.choose().unwrap().source.expect("a source"))
    }

    fn refused(&self) -> String {
        let error = Error::from(self.choose().unwrap_err());
        assert_eq!(error.kind(), Kind::Input);
        format!("{error} | {}", error.advice().unwrap())
    }
}

fn told(source: &Source) -> String {
    match source {
        Source::Keys(keys) => {
            let token = keys.token.as_ref().map(|token| format!(" {}", token.expose())).unwrap_or_default();
            format!("keys {} {}{token}", keys.id, keys.secret.expose())
        }
        Source::Process { command, .. } => format!("process {}", command.join(",")),
        Source::WebIdentity(identity) => format!("web {} {}", identity.token_file, identity.role),
        Source::Role(role) => format!("role {} of {}", role.arn, told(&role.of)),
        Source::Container(container) => format!("container {}", container.url),
        Source::Instance { endpoint, .. } => format!("instance {endpoint}"),
    }
}

const KEYS: &str = "[default]\naws_access_key_id = file\naws_secret_access_key = s\naws_session_token = t\n";

/// Name, variables, lines of the config file, credentials file, and what is told.
type Alone = (&'static str, Vec<(&'static str, &'static str)>, &'static str, &'static str, &'static str);

/// Each source alone, from the one that wins over all others to the last; each with what it is told
/// as.
fn sources() -> Vec<Alone> {
    vec![
        ("variables", vec![("AWS_ACCESS_KEY_ID", "env"), ("AWS_SECRET_ACCESS_KEY", "s")], "", "", "keys env s"),
        (
            "role",
            vec![],
            "role_arn = R\nsource_profile = base\n[profile base]\naws_access_key_id = base\naws_secret_access_key = s\n",
            "",
            "role R of keys base s",
        ),
        (
            "web identity",
            vec![("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"), ("AWS_ROLE_ARN", "W")],
            "",
            "",
            "web /token W",
        ),
        ("credentials file", vec![], "", KEYS, "keys file s t"),
        ("process", vec![], "credential_process = /bin/get --now\n", "", "process /bin/get,--now"),
        ("config file", vec![], "aws_access_key_id = config\naws_secret_access_key = s\n", "", "keys config s"),
        (
            "container",
            vec![("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/creds")],
            "",
            "",
            "container http://169.254.170.2/creds",
        ),
        ("instance", vec![], "", "", "instance http://169.254.169.254"),
    ]
}

#[test]
fn each_source_alone_is_used_and_of_two_the_first() {
    let sources = sources();
    for (i, (one, variables, config, credentials, expected)) in sources.iter().enumerate() {
        let home = |more: Option<&(&'static str, Vec<_>, &str, &str, &str)>| {
            // Lines of the default profile come first, as those of a role bring another section.
            let (below, of_credentials) = more.map_or(("", ""), |other| (other.2, other.3));
            let mut home = Home::new(
                &if below.contains('[') {
                    format!("[default]\n{config}{below}")
                } else {
                    format!("[default]\n{below}{config}")
                },
                if credentials.is_empty() { of_credentials } else { credentials },
            );
            let others = more.map(|other| other.1.clone()).unwrap_or_default();
            home.variables
                .extend(variables.iter().chain(&others).map(|(name, value): &(_, &str)| (*name, (*value).to_owned())));
            home
        };
        assert_eq!(home(None).chosen(), *expected, "{one} alone");
        for other in &sources[i + 1..] {
            assert_eq!(home(Some(other)).chosen(), *expected, "{one} with {}", other.0);
        }
    }
}

#[test]
fn a_profile_is_named_by_setting_or_variable() {
    let config = "[profile a]\naws_access_key_id = a\naws_secret_access_key = s\n[profile b]\naws_access_key_id = b\naws_secret_access_key = s\n";
    let home = || Home::new(config, KEYS);
    assert_eq!(home().chosen(), "keys file s t");
    assert_eq!(home().with("AWS_PROFILE", "a").chosen(), "keys a s");
    assert_eq!(home().with("AWS_DEFAULT_PROFILE", "b").chosen(), "keys b s");
    assert_eq!(home().with("AWS_PROFILE", "a").set("aws_profile", "b").chosen(), "keys b s");
    // Variables with keys win over a profile that a variable names, not over one of the settings.
    let keys = |home: Home| home.with("AWS_ACCESS_KEY_ID", "env").with("AWS_SECRET_ACCESS_KEY", "s");
    assert_eq!(keys(home().with("AWS_PROFILE", "a")).chosen(), "keys env s");
    assert_eq!(keys(home().set("profile", "a")).chosen(), "keys a s");
    let both = home().set("aws_profile", "a").set("aws_access_key_id", "set").set("aws_secret_access_key", "s");
    assert!(both.refused().contains("both keys and a profile"));
    // An empty variable is one that is not set.
    assert_eq!(home().with("AWS_PROFILE", "").with("AWS_ACCESS_KEY_ID", "").chosen(), "keys file s t");
}

#[test]
fn a_profile_that_is_not_there_is_an_error_also_beside_keys() {
    let home = Home::new("[profile a]\n[default]\n", "[c]\n");
    let home = home.with("AWS_PROFILE", "nosuch").with("AWS_ACCESS_KEY_ID", "env").with("AWS_SECRET_ACCESS_KEY", "s");
    let why = home.refused();
    assert!(why.contains("nosuch") && why.contains(".aws/config") && why.contains("profiles: a, c, default"), "{why}");
}

#[test]
fn files_are_found_where_variables_say_and_a_missing_one_is_empty() {
    let mut home = Home::new("", "");
    let other = home.dir.path().join("other");
    std::fs::write(&other, KEYS).unwrap();
    home.variables.push(("AWS_SHARED_CREDENTIALS_FILE", "~/other".to_owned()));
    assert_eq!(home.chosen(), "keys file s t");
    let home = Home::new("", KEYS).with("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent");
    assert_eq!(home.chosen(), "instance http://169.254.169.254");
    let why = Home::new("[default]\nSECRET\n", "").refused();
    assert!(why.contains("line 2") && !why.contains("SECRET"), "{why}");
}

#[test]
fn keys_of_settings_do_not_take_the_token_of_the_environment() {
    let home = Home::new("", "").with("AWS_SESSION_TOKEN", "theirs");
    let home = home.set("aws_access_key_id", "set").set("secret_access_key", "s");
    assert_eq!(home.chosen(), "keys set s");
    let half = Home::new("", "").with("AWS_SECRET_ACCESS_KEY", "hidden").refused();
    assert!(half.contains("AWS_ACCESS_KEY_ID") && !half.contains("hidden"), "{half}");
    let half = Home::new("[default]\naws_access_key_id = x", "").refused();
    assert!(half.contains("profile default") && half.contains("aws_secret_access_key"), "{half}");
}

#[test]
fn roles_are_chained_and_a_ring_is_refused() {
    let chain = "[default]\nrole_arn = A\nsource_profile = b\nexternal_id = x\nduration_seconds = 900\n\
                 [profile b]\nrole_arn = B\nsource_profile = c\n[profile c]\ncredential_process = get\n";
    assert_eq!(Home::new(chain, "").chosen(), "role A of role B of process get");
    let Some(Source::Role(role)) = Home::new(chain, "").choose().unwrap().source else { panic!("no role") };
    assert_eq!((role.external_id.as_deref(), role.seconds), (Some("x"), Some(900)));
    let itself =
        "[default]\nrole_arn = A\nsource_profile = default\naws_access_key_id = me\naws_secret_access_key = s\n";
    assert_eq!(Home::new(itself, "").chosen(), "role A of keys me s");
    let of_container = "[default]\nrole_arn = A\ncredential_source = EcsContainer\n";
    let home = Home::new(of_container, "").with("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost/c");
    assert_eq!(home.chosen(), "role A of container http://localhost/c");
    let refused = |config: &str, why: &str| {
        let said = Home::new(config, "").refused();
        assert!(said.contains(why), "{config}: {said}");
    };
    refused(
        "[default]\nrole_arn = A\nsource_profile = b\n[profile b]\nrole_arn = B\nsource_profile = default\n",
        "default -> b -> default",
    );
    refused("[default]\nrole_arn = A\nsource_profile = default\n", "default -> default");
    refused("[default]\nrole_arn = A\nsource_profile = b\n", "no profile \"b\"");
    refused("[default]\nrole_arn = A\nsource_profile = b\n[profile b]\nregion = x\n", "has no credentials");
    refused("[default]\nrole_arn = A\n", "neither source_profile nor credential_source");
    refused("[default]\nrole_arn = A\nsource_profile = b\ncredential_source = Environment\n", "both");
    refused("[default]\nrole_arn = A\ncredential_source = Environment\n", "names nothing");
    refused("[default]\nrole_arn = A\ncredential_source = Moon\n", "Moon");
    refused("[default]\nrole_arn = A\nsource_profile = b\nmfa_serial = m\n", "second factor");
    refused("[default]\ncredential_process = 'x\n", "not closed");
}

#[test]
fn sso_is_refused_by_name_with_what_helps() {
    let config = "[profile office]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = r\n[sso-session corp]\nsso_region = x\n";
    let why = Home::new(config, "").with("AWS_PROFILE", "office").refused();
    assert!(why.contains("profile office uses SSO") && why.contains("aws sso login --profile office"), "{why}");
    assert!(why.contains("aws configure export-credentials --profile office --format process"), "{why}");
    let why = Home::new("[default]\nlogin_session = arn\n", "").refused();
    assert!(why.contains("aws login --profile default"), "{why}");
    // A source of a role, too.
    let role = format!("[default]\nrole_arn = A\nsource_profile = office\n{config}");
    assert!(Home::new(&role, "").refused().contains("profile office uses SSO"));
}

#[test]
fn what_was_looked_at_is_told_in_order() {
    let home = Home::new("[profile other]\n", "").with("AWS_EC2_METADATA_DISABLED", "true");
    let choice = home.choose().unwrap();
    assert_eq!(choice.source, None);
    let looked = choice.looked.join("\n");
    let home = home.dir.path().display();
    let expected = format!(
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (not set)\nAWS_WEB_IDENTITY_TOKEN_FILE (not set)\n\
         the profile default of {home}/.aws/config (no such profile) and {home}/.aws/credentials (no such file)\n\
         AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI (not set)\n\
         the service of the machine (switched off by AWS_EC2_METADATA_DISABLED)"
    );
    assert_eq!(looked, expected);
}

#[test]
fn region_and_endpoints_come_from_the_profile() {
    let config = "[default]\nregion = eu-central-1\nservices = local\nendpoint_url = https://all.example\nca_bundle = ~/ca.pem\n\
                  [services local]\ns3 =\n  endpoint_url = https://s3.example\n[profile off]\nignore_configured_endpoint_urls = true\nendpoint_url = x\n";
    let home = Home::new(config, "");
    let profiles = Profiles::read(&home.world()).unwrap();
    assert_eq!(
        (profiles.word("region"), profiles.endpoint("s3"), profiles.endpoint("sts")),
        (Some("eu-central-1"), Some("https://s3.example"), Some("https://all.example"))
    );
    let off = Home::new(config, "").with("AWS_PROFILE", "off");
    assert_eq!(Profiles::read(&off.world()).unwrap().endpoint("s3"), None);
}

#[test]
fn without_the_environment_no_file_of_the_user_counts() {
    let home = Home::new("", KEYS);
    let options = Options { environment: false, ..Options::default() };
    let world = World::new(&options, "aws_", std::iter::empty());
    let source = choose(&world, &Profiles::read(&world).unwrap()).unwrap().source.unwrap();
    assert!(matches!(source, Source::Instance { .. }), "{source:?}");
    // One that the settings name does.
    let file = home.dir.path().join(".aws/credentials").to_str().unwrap().to_owned();
    let settings = [("aws_shared_credentials_file".to_owned(), file)].into();
    let world = World::new(&Options { settings, ..options }, "aws_", std::iter::empty());
    assert_eq!(told(&choose(&world, &Profiles::read(&world).unwrap()).unwrap().source.unwrap()), "keys file s t");
}
