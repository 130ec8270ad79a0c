use super::*;
use proptest::prelude::*;

fn value<'a>(ini: &'a Ini, section: &str, key: &str) -> Option<&'a str> {
    ini.section(section)?.get(key).map(Secret::expose)
}

#[test]
fn sections_keys_and_values_are_read_as_the_aws_command_reads_them() {
    let text = "\u{feff}# comment\n; another\n[default]\r\nRegion=eu-central-1\r\n  aws_access_key_id : AKIA # not a comment\n\n\
                [profile \"my office\"]\nempty =\ns3 =\n    addressing_style = path\n\n    max = 3\nnext = a=b:c\n";
    let ini = Ini::parse(text).unwrap();
    assert_eq!(value(&ini, "default", "region"), Some("eu-central-1\naws_access_key_id : AKIA # not a comment"));
    let office = ini.section_of("profile", "my office").unwrap();
    assert_eq!((office["empty"].expose(), office["next"].expose()), ("", "a=b:c"));
    assert_eq!(nested(&office["s3"]), [("addressing_style", "path"), ("max", "3")].into());
    assert_eq!(ini.names_of("profile"), ["my office"]);
    // An indented key is one, where no other is open.
    let ini = Ini::parse("[a]\n   key : value # tail\n   more = 1\n").unwrap();
    assert_eq!((value(&ini, "a", "key"), value(&ini, "a", "more")), (Some("value # tail"), Some("1")));
}

#[test]
fn what_the_aws_command_refuses_is_refused_with_its_line_and_without_its_text() {
    for (text, line) in [
        ("key = SECRET", "line 1"),
        ("[a]\nSECRET", "line 2"),
        ("[a]\nk = 1\nK = SECRET", "line 3"),
        ("[a]\n[b]\n\n[a]", "line 4"),
        ("[]", "line 1"),
        ("[a]\n= SECRET", "line 2"),
    ] {
        let why = Ini::parse(text).unwrap_err();
        assert!(why.starts_with(line) && !why.contains("SECRET"), "{text:?}: {why}");
    }
}

#[test]
fn a_value_is_not_shown() {
    let ini = Ini::parse("[a]\naws_secret_access_key = SECRET").unwrap();
    assert!(!format!("{ini:?}").contains("SECRET"));
}

proptest! {
    #[test]
    fn what_was_written_is_read_again(
        pairs in proptest::collection::btree_map("[a-z_]{1,8}", "([!-~][ -~]{0,10}[!-~])?", 0..6),
    ) {
        let mut text = "[profile p]\n".to_owned();
        for (key, value) in &pairs {
            text.push_str(&format!("{key} = {value}\n"));
        }
        let ini = Ini::parse(&text).unwrap();
        let read: BTreeMap<_, _> = ini.section_of("profile", "p").unwrap().iter().map(|(k, v)| (k.clone(), v.expose().to_owned())).collect();
        prop_assert_eq!(&read, &pairs);
        prop_assert_eq!(Ini::parse(&ini.text()).unwrap(), ini);
    }

    #[test]
    fn any_text_is_answered(text in "([\\[\\]=:# a-z\n]|\\PC){0,80}") {
        if let Ok(ini) = Ini::parse(&text) {
            let _ = (ini.section_of("profile", "a"), ini.names_of("profile"));
        }
    }
}
