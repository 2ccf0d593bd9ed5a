//! What browsers and others send, and what becomes of it.

use http::Request;

use super::*;

fn guard() -> Guard {
    let hosts = ["akidb", ".svc.cluster.local"].map(|name| name.parse().unwrap());
    let origins = ["https://app.example.com", "http://localhost:3000"];
    Guard::new(hosts.into(), origins.map(|origin| origin.parse().unwrap()).into())
}

fn look_at(method: &str, uri: &str, headers: &[(&str, &str)]) -> Findings {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    guard().look_at(&request.body(()).unwrap().into_parts().0)
}

fn code(findings: &Findings) -> Option<ErrorCode> {
    findings.malformed.as_ref().or(findings.refused.as_ref()).map(|error| error.code)
}

#[track_caller]
fn check_host(host: &str, expect: Option<ErrorCode>) {
    assert_eq!(code(&look_at("GET", "/v1/collections", &[("host", host)])), expect, "{host:?}");
}

#[test]
fn only_names_of_the_node_and_addresses_are_answered() {
    for own in ["127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:8080", "localhost", "LocalHost:1"] {
        check_host(own, None);
    }
    for own in ["akidb", "AKIDB:8080", "akidb.", "a.svc.cluster.local", "10.1.2.3", "0.0.0.0"] {
        check_host(own, None);
    }
    let foreign = ["evil.test", "evil.test:8080", "127.0.0.1.evil.test", "localhost.evil.test"];
    let near = ["akidb.evil.test", "svc.cluster.local", ".svc.cluster.local", "xsvc.cluster.local"];
    for foreign in foreign.into_iter().chain(near).chain(["0x7f.1", "2130706433"]) {
        check_host(foreign, Some(ErrorCode::HostNotAllowed));
    }
    for wrong in ["", "a b", "user@localhost", "[::1", "localhost:x"] {
        check_host(wrong, Some(ErrorCode::MalformedRequest));
    }
}

#[test]
fn a_request_names_one_host() {
    let malformed = Some(ErrorCode::MalformedRequest);
    assert_eq!(code(&look_at("GET", "/", &[])), malformed);
    assert_eq!(code(&look_at("GET", "/", &[("host", "a"), ("host", "a")])), malformed);
    let target = "http://localhost:1/";
    assert_eq!(code(&look_at("GET", target, &[("host", "localhost:2")])), malformed);
    assert_eq!(code(&look_at("GET", target, &[("host", "localhost:1")])), None);
    let refused = look_at("GET", "http://evil.test/", &[("host", "evil.test")]);
    assert_eq!(code(&refused), Some(ErrorCode::HostNotAllowed));
}

#[track_caller]
fn check_page(method: &str, headers: &[(&str, &str)], may: bool) {
    let host = [("host", "localhost:8080")];
    let headers: Vec<_> = host.iter().chain(headers).copied().collect();
    let expect = (!may).then_some(ErrorCode::OriginNotAllowed);
    assert_eq!(code(&look_at(method, "/v1/collections", &headers)), expect, "{headers:?}");
}

#[test]
fn pages_of_other_sites_are_refused() {
    check_page("POST", &[], true);
    for site in ["cross-site", "same-site", "anything"] {
        check_page("GET", &[("sec-fetch-site", site)], false);
        check_page("POST", &[("sec-fetch-site", site)], false);
        let form = [("sec-fetch-site", site), ("sec-fetch-mode", "navigate")];
        check_page("GET", &[&form[..], &[("sec-fetch-dest", "iframe")]].concat(), false);
        check_page("POST", &[&form[..], &[("sec-fetch-dest", "document")]].concat(), false);
        check_page("GET", &[&form[..], &[("sec-fetch-dest", "document")]].concat(), true);
    }
    check_page("POST", &[("sec-fetch-site", "same-origin")], true);
    check_page("GET", &[("sec-fetch-site", "none")], true);
    check_page("POST", &[("origin", "http://localhost:8080")], true);
    for origin in ["http://evil.test", "http://localhost", "null", "http://localhost:80800", "x"] {
        check_page("POST", &[("origin", origin)], false);
    }
}

#[test]
fn origins_in_the_list_may_use_the_node() {
    for origin in
        ["https://app.example.com", "https://App.example.com:443", "http://localhost:3000"]
    {
        let headers =
            [("host", "localhost:8080"), ("origin", origin), ("sec-fetch-site", "cross-site")];
        let findings = look_at("POST", "/v1/collections", &headers);
        assert_eq!(code(&findings), None, "{origin}");
        assert_eq!(findings.allowed_origin.unwrap(), origin);
    }
    for origin in
        ["http://app.example.com", "https://app.example.com:444", "https://x.app.example.com"]
    {
        check_page("POST", &[("origin", origin), ("sec-fetch-site", "cross-site")], false);
    }
    let elsewhere = [("host", "evil.test"), ("origin", "http://localhost:3000")];
    assert_eq!(code(&look_at("GET", "/", &elsewhere)), Some(ErrorCode::HostNotAllowed));
}

#[test]
fn what_is_no_name_or_origin_is_no_setting() {
    for wrong in ["", "*", "http://a", "a:80", "a b", "..a", "a..b", "a/"] {
        assert!(wrong.parse::<HostName>().is_err(), "{wrong:?}");
    }
    for wrong in
        ["*", "null", "a", "ftp://a", "http://a/", "http://a/b", "http://u@a", "http://a?b"]
    {
        assert!(wrong.parse::<Origin>().is_err(), "{wrong:?}");
    }
    let origin: Origin = "HTTPS://Example.com:443".parse().unwrap();
    assert_eq!(origin.to_string(), "https://example.com");
}
