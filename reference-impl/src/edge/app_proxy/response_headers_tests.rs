//! A table of cookies that a container may and may not set.

use super::*;
use crate::host::normalise;

#[test]
fn a_cookie_stays_at_its_own_host_under_a_name_of_its_own() {
    let host = normalise(b"acme-app.vendo.run").unwrap();
    for good in [
        "a=b",
        "a=",
        "a=b=c; Path=/; Secure",
        "a=b; Domain=acme-app.vendo.run",
        "a=b; DOMAIN = ACME-app.vendo.run.",
        "a=b; domain=.acme-app.vendo.run",
        "a=b; Domain",
        "a=b; Domain=",
        "a=b; Domain=.",
        "a=b; xdomain=vendo.run",
        "a=b\t; c",
        "vendoAuth2=x",
        "a=vendoAuth=x",
        "__Host-x=y",
        "a=\"; Domain=\"",
    ] {
        let wide = good == "a=\"; Domain=\"";
        assert_eq!(may_set(good.as_bytes(), &host, FaultSet::none()), !wide, "{good:?}");
    }
    for bad in [
        "",
        "a",
        "; a=b",
        "=a",
        " \t=a",
        "=vendoAuth=x",
        "vendoAuth",
        "vendoAuth=x",
        "VENDOAUTH=x",
        "\tvendoAuth =x",
        "__host-VENDO_SESSION=x",
        "a=b; Domain=vendo.run",
        "a=b; domain=.vendo.run",
        "a=b;Domain=VENDO.RUN.",
        "a=b; Domain=globex-app.vendo.run",
        "a=b; Domain=x.acme-app.vendo.run",
        "a=b; Domain=acme-app.vendo.run; Domain=vendo.run",
        "a=b; Domain=vendo.run; Domain=acme-app.vendo.run",
        "a=b; Domain=..acme-app.vendo.run",
        "a=b; Domain=run",
        "a=b\0",
        "a=b; Path=/\x0b",
        "a=\u{7f}",
        "a=b; Domain=\"acme-app.vendo.run\"",
    ] {
        assert!(!may_set(bad.as_bytes(), &host, FaultSet::none()), "{bad:?}");
    }
}
