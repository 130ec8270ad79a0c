//! Which job a name means, and which points are of one job.

use super::*;

fn job(host: &str, job: &str) -> JobId {
    JobId::new(Owner::Host(host.to_owned()), job, &[])
}

fn from(source: u8, host: &str, name: &str) -> JobId {
    JobId { source: Some(RepositoryId([source; 16])), ..job(host, name) }
}

fn find(text: &str, known: &[JobId], own_host: &str) -> Result<Vec<String>> {
    let name: JobName = text.parse().expect(text);
    Ok(name.find(known, own_host)?.iter().map(|job| job.told(known)).collect())
}

#[test]
fn a_name_alone_means_this_hosts_job_else_the_only_other_ones() {
    let known = [job("web1", "nightly"), job("web2", "nightly"), job("web2", "mail")];
    assert_eq!(find("nightly", &known, "web1").unwrap(), ["web1/nightly"]);
    assert_eq!(find("nightly", &known, "web2").unwrap(), ["web2/nightly"]);
    assert_eq!(find("mail", &known, "web1").unwrap(), ["mail"]);
    assert_eq!(find("web2/nightly", &known, "web1").unwrap(), ["web2/nightly"]);
    let several = find("nightly", &known, "db1").unwrap_err();
    assert_eq!(several.kind(), Kind::Input);
    assert_eq!(several.advice(), Some("write one of: web1/nightly, web2/nightly"));
    let none = find("db1/nightly", &known, "web1").unwrap_err();
    assert_eq!((none.kind(), none.object()), (Kind::Input, Some("db1/nightly")));
    assert_eq!(none.advice(), Some("the repository has: mail, web1/nightly, web2/nightly"));
}

#[test]
fn hosts_of_any_letters_can_be_written() {
    for host in ["", "a/b", "a:/b", "fe80::1", "two\nlines", "100%", "..", "/", "%empty"] {
        let known = [job(host, "j"), job("other", "j")];
        let written = known[0].to_string();
        assert_eq!(find(&written, &known, "x").unwrap().concat(), written, "{host:?}");
        assert!(!written.contains(":/") && !written.starts_with('/'), "{written}");
        // As it is, too.
        assert_eq!(find(&format!("{host}/j"), &known, "x").unwrap().concat(), written, "{host:?}");
    }
}

#[test]
fn two_sources_of_a_copy_have_jobs_of_their_own() {
    let known = [from(1, "h", "j"), from(2, "h", "j"), from(2, "h", "k")];
    let several = find("h/j", &known, "h").unwrap_err();
    assert_eq!(several.advice(), Some("write one of: 01010101/h/j, 02020202/h/j"));
    assert_eq!(find("j", &known, "h").unwrap_err().kind(), Kind::Input);
    assert_eq!(find("02020202/h/j", &known, "x").unwrap(), ["02020202/h/j"]);
    assert_eq!(find("0202020202/h/j", &known, "x").unwrap(), ["02020202/h/j"]);
    assert_eq!(find("k", &known, "x").unwrap(), ["k"]);
}

#[test]
fn an_organisation_is_not_a_host_of_its_name() {
    let known = [JobId::new(Owner::new("h", "contoso"), "mail", &[]), job("contoso", "mail")];
    assert_ne!(known[0], known[1]);
    assert_eq!(find("mail", &known, "contoso").unwrap().len(), 1);
}

#[test]
fn of_a_name_that_was_made_before_each_set_of_sources_is_a_job() {
    let made = |paths: &[&str]| {
        let paths: Vec<Vec<u8>> = paths.iter().map(|p| p.as_bytes().to_vec()).collect();
        JobId::new(Owner::Host("h".to_owned()), "h-srv-data-old", &paths)
    };
    let known = [made(&["/srv/data-old"]), made(&["/srv/data/old"])];
    assert_ne!(known[0], known[1]);
    // Of a name that somebody gave, the sources do not matter.
    assert_eq!(made(&["/srv/a"]), made(&["/srv/b"]));
    // A person who names the job means both.
    let name: JobName = "h-srv-data-old".parse().unwrap();
    assert_eq!(name.find(&known, "h").unwrap().len(), 2);
    assert_eq!(known[0].told(&known), "h-srv-data-old");
}

#[test]
fn what_is_not_a_job_is_refused() {
    for text in ["", "h/", "a:b", "h/a\nb"] {
        assert!(text.parse::<JobName>().is_err(), "{text:?}");
    }
}
