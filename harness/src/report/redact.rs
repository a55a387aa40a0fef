//! Takes secrets out of what is printed: a name stands for each, and for each longer part of one.

use isolation_model::state::State;
use isolation_model::world::World;
use isolation_model::world::edge::replaced;

/// How many characters of a secret give it away.
const PART: usize = 10;

/// The secrets of a world, and what stands for each.
pub struct Redaction(Vec<(Vec<u8>, String)>);

impl Redaction {
    /// Those of a world, and of the keys that a state has besides.
    #[must_use]
    pub fn new(world: &World, state: &State) -> Self {
        let slug = |tenant: usize| &world.tenant(tenant).slug;
        let mut secrets: Vec<(String, String)> = Vec::new();
        for (number, key) in state.edge.keys.iter().enumerate() {
            secrets.push((key.bearer.clone(), format!("key {number} of {}", slug(key.tenant))));
        }
        for (number, own) in world.edge.connections.iter().enumerate() {
            let of = format!("{} connection {number} of {}", own.provider.slug(), slug(own.tenant));
            for (what, canary) in [
                ("credential", &own.credential),
                ("refresh token", &own.refresh),
                ("webhook secret", &own.webhook_secret),
            ] {
                let Some(canary) = canary else { continue };
                secrets.push((canary.text.clone(), format!("{what} of {of}")));
                secrets.push((replaced(&canary.text, 1), format!("replaced {what} of {of}")));
            }
        }
        for (number, app) in world.edge.apps.iter().enumerate() {
            secrets.push((
                app.webhook_secret.text.clone(),
                format!("webhook secret of app {number} of {}", slug(app.tenant)),
            ));
        }
        for (provider, canary) in &world.edge.pools {
            secrets.push((canary.text.clone(), format!("pooled credential of {}", provider.slug())));
        }
        for (number, account) in world.edge.accounts.iter().enumerate() {
            secrets.push((account.access.text.clone(), format!("access token of account {number}")));
            secrets.push((account.refresh.text.clone(), format!("refresh token of account {number}")));
        }
        let long = |(secret, name): (String, String)| (secret.len() >= PART).then(|| (secret.into_bytes(), name));
        Self(secrets.into_iter().filter_map(long).collect())
    }

    /// The text without secrets, without parts of them in whatever case, and without tokens.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        let bytes = text.as_bytes();
        let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let rest = bytes.get(at..).unwrap_or_default();
            let token = token(rest);
            match self.longest(rest) {
                Some((length, name)) => {
                    out.extend_from_slice(format!("<{name}>").as_bytes());
                    at += length;
                }
                None if token > 0 => {
                    out.extend_from_slice(b"<token>");
                    at += token;
                }
                None => {
                    out.push(*byte);
                    at += 1;
                }
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    /// The longest part of a secret that a text begins with.
    fn longest(&self, text: &[u8]) -> Option<(usize, String)> {
        let found = self.0.iter().filter_map(|(secret, name)| {
            let length = (0..secret.len()).map(|from| common(text, secret.get(from..).unwrap_or_default())).max()?;
            let name = if length == secret.len() { name.clone() } else { format!("part of {name}") };
            (length >= PART).then_some((length, name))
        });
        found.max_by_key(|(length, _)| *length)
    }
}

/// How many bytes two texts have in common at their beginnings, whatever their case.
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count()
}

/// How long the JSON web token is that a text begins with; 0 where it begins with none.
fn token(text: &[u8]) -> usize {
    if !text.starts_with(b"eyJ") {
        return 0;
    }
    text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte)).count()
}

#[cfg(test)]
mod tests {
    use isolation_model::choose::Seeded;
    use isolation_model::world::Profile;

    use super::*;

    #[test]
    fn no_secret_and_no_longer_part_of_one_is_left() {
        let world = World::generate(&mut Seeded::new(5), Profile::default());
        let redaction = Redaction::new(&world, &State::new(&world));
        let bearer = &world.edge.keys[3].bearer;
        let credential = world.edge.connections[0].credential.as_ref().unwrap();
        let owner = &world.tenant(world.edge.keys[3].tenant).slug;
        assert_eq!(redaction.apply(&format!("Bearer {bearer}")), format!("Bearer <key 3 of {owner}>"));
        let half = &bearer[20..];
        for text in [
            bearer.clone(),
            bearer.to_ascii_uppercase(),
            half.to_owned(),
            format!("x{half}x"),
            format!("{bearer}{}", credential.text),
            replaced(&credential.text, 1),
            "a=eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln; b".to_owned(),
        ] {
            let shown = redaction.apply(&text).to_ascii_lowercase();
            for at in 0..=bearer.len() - PART {
                assert!(!shown.contains(&bearer[at..at + PART].to_ascii_lowercase()), "{shown}");
            }
            assert!(
                !shown.contains("eyj") && !shown.contains(&credential.text.to_ascii_lowercase()[..PART]),
                "{shown}"
            );
        }
        assert_eq!(redaction.apply("nothing of the k\u{ef}nd"), "nothing of the k\u{ef}nd");
    }
}
