//! What an entry of the table of contents needs on the server that it is restored to.

use crate::dump::Needs;

/// Adds what this entry needs.
pub(super) fn add(needs: &mut Needs, description: &str, tag: &str, definition: &str) {
    match description {
        "EXTENSION" => {
            needs.extensions.insert(tag.to_owned());
        }
        "ACL" | "DEFAULT ACL" | "POLICY" => needs.roles.extend(roles(definition)),
        _ => {}
    }
}

/// The roles in `GRANT … TO role`, `REVOKE … FROM role`, `FOR ROLE role` and `CREATE POLICY … TO role, role`.
fn roles(definition: &str) -> Vec<String> {
    let words = words(definition);
    let is_policy = words.first() == Some(&Word::Plain("create".to_owned()));
    let mut roles = Vec::new();
    let mut rest = words.iter().peekable();
    while let Some(word) = rest.next() {
        // What follows in a policy is an expression, in which the words mean something else.
        if is_policy && matches!(word, Word::Plain(word) if word == "using" || word == "with") {
            break;
        }
        let is_before_role = match word {
            Word::Plain(word) => matches!(word.as_str(), "to" | "from" | "role" | "authorization"),
            Word::Quoted(_) | Word::Sign(_) => false,
        };
        if !is_before_role {
            continue;
        }
        loop {
            match rest.peek() {
                Some(Word::Plain(name)) if is_no_role(name) => break,
                Some(Word::Plain(name) | Word::Quoted(name)) => roles.push(name.clone()),
                _ => break,
            }
            rest.next();
            if rest.peek() == Some(&&Word::Sign(',')) {
                rest.next();
            } else {
                break;
            }
        }
    }
    roles
}

fn is_no_role(name: &str) -> bool {
    [
        "public",
        "role",
        "current_user",
        "session_user",
        "current_role",
        "default",
        "group",
    ]
    .contains(&name)
}

#[derive(Debug, PartialEq, Eq)]
enum Word {
    /// In lower case, as PostgreSQL takes it.
    Plain(String),
    /// Between double quotes, without them.
    Quoted(String),
    Sign(char),
}

fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        if next == '"' {
            let mut name = String::new();
            while let Some(inner) = rest.next() {
                if inner == '"' {
                    if rest.peek() != Some(&'"') {
                        break;
                    }
                    rest.next();
                }
                name.push(inner);
            }
            words.push(Word::Quoted(name));
        } else if next.is_alphanumeric() || next == '_' {
            let mut word = next.to_lowercase().to_string();
            while let Some(&inner) = rest.peek() {
                if !(inner.is_alphanumeric() || inner == '_' || inner == '$') {
                    break;
                }
                word.extend(inner.to_lowercase());
                rest.next();
            }
            words.push(Word::Plain(word));
        } else if !next.is_whitespace() {
            words.push(Word::Sign(next));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_of_rights_and_policies_are_found() {
        for (definition, wanted) in [
            (
                "GRANT SELECT ON TABLE public.t TO reader;\n",
                vec!["reader"],
            ),
            (
                "REVOKE ALL ON SCHEMA public FROM PUBLIC;\nGRANT ALL ON SCHEMA public TO PUBLIC;\n",
                vec![],
            ),
            (
                "GRANT SELECT ON TABLE public.\"to\" TO \"Odd \"\"one\" WITH GRANT OPTION;\n",
                vec!["Odd \"one"],
            ),
            (
                "ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public GRANT SELECT ON TABLES TO reader;\n",
                vec!["owner", "reader"],
            ),
            (
                "SET SESSION AUTHORIZATION a;\nGRANT SELECT ON TABLE t TO b;\nRESET SESSION AUTHORIZATION;\n",
                vec!["a", "b"],
            ),
            (
                "CREATE POLICY p ON public.t TO a, \"B\" USING ((x IS DISTINCT FROM 1));\n",
                vec!["a", "B"],
            ),
            (
                "CREATE POLICY p ON public.t USING ((x IS DISTINCT FROM y));\n",
                vec![],
            ),
        ] {
            assert_eq!(roles(definition), wanted, "{definition}");
        }
    }
}
