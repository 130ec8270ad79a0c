use super::*;

fn ids(versions: Vec<ObjectVersion>) -> Vec<(String, bool)> {
    versions.into_iter().map(|v| (v.id.unwrap_or_default(), v.marker)).collect()
}

fn entry(kind: &str, key: &str, id: &str, modified: &str) -> String {
    format!(
        "<{kind}><Key>{key}</Key><VersionId>{id}</VersionId><IsLatest>false</IsLatest>\
         <LastModified>{modified}</LastModified><Size>3</Size><Owner><ID>Key</ID></Owner></{kind}>"
    )
}

fn page(body: &str) -> Page {
    let head = "<?xml version=\"1.0\"?><ListVersionsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    read(&format!("{head}<Name>bucket</Name>{body}</ListVersionsResult>")).unwrap()
}

#[test]
fn the_oldest_comes_first_however_the_server_groups_markers() {
    let a = entry("Version", "k", "a", "1");
    let m = entry("DeleteMarker", "k", "m", "2");
    let b = entry("Version", "k", "b", "3");
    let expected = [("a".to_owned(), false), ("m".to_owned(), true), ("b".to_owned(), false)];
    for body in [format!("{b}{m}{a}"), format!("{b}{a}{m}")] {
        assert_eq!(ids(order_s3(page(&body).entries)), expected, "{body}");
    }
}

#[test]
fn keys_of_any_bytes_are_read_and_decoded() {
    let body = format!(
        "<EncodingType>url</EncodingType>{}{}{}",
        entry("Version", "log%2F01", "1", "1"),
        entry("Version", "log/%01+%ff", "2", "1"),
        entry("Version", "a&amp;b&#x41;", "3", "1"),
    );
    let keys: Vec<String> = page(&body).entries.into_iter().map(|e| e.key).collect();
    assert_eq!(keys, ["log/01", "log/%01+%ff", "a&bA"]);
}

#[test]
fn pages_say_where_the_next_one_starts() {
    let more = page(
        "<IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><NextVersionIdMarker>v</NextVersionIdMarker>",
    );
    assert_eq!((more.truncated, more.next_key.as_deref(), more.next_version.as_deref()), (true, Some("k"), Some("v")));
    assert!(!page("<IsTruncated>false</IsTruncated>").truncated);
}

#[test]
fn an_azure_listing_is_read_and_ordered_by_its_version_ids() {
    let blob = |id: &str| {
        format!(
            "<Blob><Name>log/1</Name><VersionId>{id}</VersionId><Properties><Content-Length>7</Content-Length>\
             <Last-Modified>Mon, 01 Jan 2024 00:00:00 GMT</Last-Modified></Properties></Blob>"
        )
    };
    let (first, second) = (blob("2024-01-01T00:00:00.0000000Z"), blob("2024-01-02T00:00:00.0000000Z"));
    let head = "\u{feff}<?xml version=\"1.0\"?><EnumerationResults><Blobs>";
    let text = format!("{head}{second}{first}</Blobs><NextMarker>n!</NextMarker></EnumerationResults>");
    let page = read(&text).unwrap();
    assert_eq!((page.truncated, page.next_key.as_deref(), page.entries[0].bytes), (true, Some("n!"), 7));
    assert!(ids(order_azure(page.entries))[0].0.starts_with("2024-01-01"));
}

#[test]
fn what_is_no_listing_is_an_error_and_no_empty_one() {
    assert!(read("<ListVersionsResult><Version></ListVersionsResult>").is_err());
    assert!(read("<a>&unknown;</a>").is_err());
    assert!(read(&format!("<a>{}</a>", entry("Version", "k", "1", "1").replace(">3<", ">x<"))).is_err());
}
