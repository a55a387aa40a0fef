//! APX-2: tokens that were forged, bent or meant for something else, and cookies that can be read in two ways.

use super::draft::{Draft, HTTP1, HTTP2, row, with_headers};
use crate::action::cookie::{Alteration, Cookie, CookieJar, Token, Writing};
use crate::action::header::Header;
use crate::action::path::Path;
use crate::action::{Action, Request};
use crate::choose::Choose;

const ALTERATIONS: &[(&str, &[Alteration])] = &[
    ("alg-none", &[Alteration::AlgNone]),
    ("alg-none-upper", &[Alteration::AlgNoneUpper]),
    ("alg-none-capital", &[Alteration::AlgNoneCapital]),
    ("alg-none-signed", &[Alteration::AlgNoneSigned]),
    ("alg-missing", &[Alteration::AlgMissing]),
    ("alg-empty", &[Alteration::AlgEmpty]),
    ("alg-null", &[Alteration::AlgNull]),
    ("alg-lower", &[Alteration::AlgLower]),
    ("alg-hs384", &[Alteration::AlgHs384]),
    ("alg-hs512", &[Alteration::AlgHs512]),
    ("alg-rs256", &[Alteration::AlgRs256]),
    ("kid-unknown", &[Alteration::KidUnknown]),
    ("kid-foreign", &[Alteration::KidForeign]),
    ("kid-missing", &[Alteration::KidMissing]),
    ("kid-empty", &[Alteration::KidEmpty]),
    ("kid-number", &[Alteration::KidNumber]),
    ("kid-other-key", &[Alteration::KidSwapped]),
    ("kid-path", &[Alteration::KidPath]),
    ("typ-other", &[Alteration::TypeOther]),
    ("header-crit", &[Alteration::HeaderCrit]),
    ("header-jwk", &[Alteration::HeaderJwk]),
    ("header-jku", &[Alteration::HeaderJku]),
    ("header-x5c", &[Alteration::HeaderX5c]),
    ("header-b64", &[Alteration::HeaderB64]),
    ("header-unknown-member", &[Alteration::HeaderUnknown]),
    ("header-duplicate-alg", &[Alteration::DuplicateAlg]),
    ("header-duplicate-kid", &[Alteration::DuplicateKid]),
    ("header-not-object", &[Alteration::HeaderList]),
    ("header-not-json", &[Alteration::HeaderNotJson]),
    ("wrong-secret", &[Alteration::WrongSecret]),
    ("empty-secret", &[Alteration::EmptySecret]),
    ("secret-is-kid", &[Alteration::SecretIsKid]),
    ("expired", &[Alteration::Expired, Alteration::ExpiredJust]),
    ("expires-now", &[Alteration::ExpiresNow]),
    ("exp-missing", &[Alteration::ExpMissing]),
    ("exp-null", &[Alteration::ExpNull]),
    ("exp-string", &[Alteration::ExpString]),
    ("exp-float", &[Alteration::ExpFloat]),
    ("exp-negative", &[Alteration::ExpNegative]),
    ("exp-overflow", &[Alteration::ExpOverflow]),
    ("iat-missing", &[Alteration::IatMissing]),
    ("iat-string", &[Alteration::IatString]),
    ("aud-other", &[Alteration::AudOther]),
    ("aud-extended", &[Alteration::AudSuffix]),
    ("aud-missing", &[Alteration::AudMissing]),
    ("aud-empty", &[Alteration::AudEmpty]),
    ("aud-array", &[Alteration::AudArray]),
    ("aud-case", &[Alteration::AudUpper]),
    ("tenant-missing", &[Alteration::TenantMissing]),
    ("tenant-empty", &[Alteration::TenantEmpty]),
    ("tenant-null", &[Alteration::TenantNull]),
    ("tenant-number", &[Alteration::TenantNumber]),
    ("sub-missing", &[Alteration::SubMissing]),
    ("sub-empty", &[Alteration::SubEmpty]),
    ("sub-number", &[Alteration::SubNumber]),
    ("role-missing", &[Alteration::RoleMissing]),
    ("role-unknown", &[Alteration::RoleUnknown]),
    ("role-case", &[Alteration::RoleCapital]),
    ("email-missing", &[Alteration::EmailMissing]),
    ("name-missing", &[Alteration::NameMissing]),
    ("duplicate-exp", &[Alteration::DuplicateExp]),
    ("duplicate-aud", &[Alteration::DuplicateAud]),
    ("claims-not-object", &[Alteration::JsonList]),
    ("claims-not-json", &[Alteration::NotJson]),
    ("claims-not-utf8", &[Alteration::NotUtf8]),
    ("claims-trailing-bytes", &[Alteration::TrailingBytes]),
    ("signature-flipped", &[Alteration::SignatureFlipped, Alteration::SignatureLastFlipped]),
    ("signature-half", &[Alteration::SignatureHalf]),
    ("signature-empty", &[Alteration::SignatureEmpty]),
    ("signature-truncated", &[Alteration::SignatureTruncated]),
    ("signature-extended", &[Alteration::SignatureExtended]),
    ("signature-zero", &[Alteration::SignatureZero]),
    ("signature-other-token", &[Alteration::SignatureOfOther]),
    ("payload-role-raised", &[Alteration::PayloadRoleRaised]),
    ("payload-exp-extended", &[Alteration::PayloadExpExtended]),
    ("payload-reencoded", &[Alteration::PayloadRespaced]),
    ("header-reencoded", &[Alteration::HeaderRespaced]),
    ("header-payload-boundary", &[Alteration::BoundaryMoved]),
    ("padding-added", &[Alteration::Padded]),
    ("standard-alphabet", &[Alteration::StandardAlphabet]),
    ("trailing-bits", &[Alteration::TrailingBits]),
    ("whitespace-in-segment", &[Alteration::SpaceInside]),
    ("foreign-character", &[Alteration::ForeignCharacter]),
    ("non-ascii", &[Alteration::NonAscii]),
    ("two-segments", &[Alteration::TwoSegments]),
    ("four-segments", &[Alteration::FourSegments]),
    ("empty-segments", &[Alteration::EmptySegments]),
    ("json-serialisation", &[Alteration::JsonSerialisation]),
    ("empty-value", &[Alteration::Empty]),
    ("over-long", &[Alteration::OverLong]),
    ("sign-in-code", &[Alteration::SignInCode]),
    ("dashboard-session", &[Alteration::DashboardSession]),
    ("identity-token", &[Alteration::IdentityToken]),
    ("app-key", &[Alteration::AppKey]),
];

/// Alterations that put another tenant's id into an own token, and whether the own id still stands in it too.
const TENANT_ALTERATIONS: &[(&str, (Alteration, bool))] = &[
    ("payload-tenant-swapped", (Alteration::PayloadTenantSwapped, false)),
    ("tenant-array", (Alteration::TenantArray, true)),
    ("duplicate-tenant", (Alteration::DuplicateTenant, true)),
    ("duplicate-escaped", (Alteration::DuplicateEscaped, true)),
];

const WRITINGS: &[(&str, &[Writing])] = &[
    ("value-quoted", &[Writing::Quoted]),
    ("value-percent-encoded", &[Writing::PercentEncoded]),
    ("name-other-case", &[Writing::LowerName, Writing::UpperName]),
    ("name-extended", &[Writing::LongerName]),
    ("name-host-prefixed", &[Writing::PrefixedName]),
    ("comma-separated", &[Writing::CommaJoined]),
];

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    if let Some(alterations) = row(ALTERATIONS, name) {
        let (at, member) = draft.claimed();
        let alteration = draft.among(alterations)?;
        draft.present(at, member, vec![Cookie::session(Token { member, alteration })]);
        return Some(());
    }
    if let Some((alteration, names_own)) = row(TENANT_ALTERATIONS, name) {
        let at = draft.deployment();
        let member = draft.foreign(at);
        let at = if names_own && draft.one_in(2) { draft.home_of(member)? } else { draft.of_next_tenant(member)? };
        draft.present(at, member, vec![Cookie::session(Token { member, alteration })]);
        return Some(());
    }
    let (at, member) = draft.claimed();
    if name == "expired-after-use" {
        let jar = vec![Cookie::session(Token { member, alteration: Alteration::ShortLived })];
        draft.present(at, member, jar.clone());
        draft.push(Action::Advance { seconds: 60 });
        draft.present(at, member, jar);
        return Some(());
    }
    if let Some(writings) = row(WRITINGS, name) {
        let writing = draft.among(writings)?;
        let token = Token::valid(member);
        draft.present(at, member, vec![Cookie::Session { token, writing }]);
        return Some(());
    }
    let own = draft.session(member);
    let foreign = draft.foreign(at);
    let foreign = draft.session(foreign);
    let garbage = Cookie::session(draft.forgery(member));
    match name {
        "duplicate-own-foreign" => draft.present(at, member, vec![own, foreign]),
        "duplicate-foreign-own" => draft.present(at, member, vec![foreign, own]),
        "duplicate-own-garbage" => draft.present(at, member, vec![own, garbage]),
        "duplicate-garbage-own" => draft.present(at, member, vec![garbage, own]),
        "duplicate-own-own" => draft.present(at, member, vec![own, own]),
        "duplicate-across-headers" | "duplicate-http2-crumbs" => {
            let transports = if name == "duplicate-across-headers" { HTTP1 } else { HTTP2 };
            let other = draft.of(&[own, foreign, garbage]);
            let cookies = if draft.one_in(2) { vec![own, other] } else { vec![other, own] };
            draft.flag(at, true);
            let request = draft.visit(at, member);
            let request = draft.over(request, &transports);
            let cookies = CookieJar { split: true, ..CookieJar::of(cookies) };
            draft.send(Request { cookies, ..request });
        }
        "duplicate-bare-name" => {
            let cookies = if draft.one_in(2) { vec![own, Cookie::BareName] } else { vec![Cookie::BareName, own] };
            draft.present(at, member, cookies);
        }
        "duplicate-behind-many" => {
            let other = draft.of(&[own, foreign, garbage]);
            let cookies = if draft.one_in(2) { vec![own, Cookie::Many, other] } else { vec![other, Cookie::Many, own] };
            draft.present(at, member, cookies);
        }
        "bare-name" => draft.present(at, member, vec![Cookie::BareName]),
        "token-in-authorization" => {
            draft.flag(at, true);
            let mut request = draft.anonymous(at);
            // One `Authorization` alone: a second one would be another question.
            request.headers.clear();
            draft.send(with_headers(request, [Header::SessionAsBearer(member)]));
        }
        "token-in-query" => {
            draft.flag(at, true);
            let request = draft.anonymous(at);
            let path = Path::SessionInQuery(member);
            draft.send(Request { path, ..request });
        }
        _ => return None,
    }
    Some(())
}

impl<C: Choose> Draft<'_, C> {
    /// A deployment, and a member of its tenant who would be let in if the token counted.
    fn claimed(&mut self) -> (u8, u8) {
        let at = self.deployment();
        let member = self.own(at);
        (at, member)
    }

    /// Presents cookies at a host that asks for sign-in. Whoever sends them claims to be the member.
    fn present(&mut self, at: u8, member: u8, cookies: Vec<Cookie>) {
        self.flag(at, true);
        let sender = if self.one_in(2) { member } else { self.foreign(at) };
        let request = self.visit(at, sender);
        let mut jar = CookieJar::of(cookies);
        if self.one_in(4) {
            jar.cookies.push(Cookie::App(0));
        }
        self.send(Request { cookies: jar, ..request });
    }
}
