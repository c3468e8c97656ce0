//! A page that says in plain words why there is nothing else to show.

use askama::Template;

/// What is wrong and where to go from here.
#[derive(Debug, Template)]
#[template(path = "notice.html")]
pub struct Notice<'a> {
    /// What it is, in a few words.
    pub heading: &'a str,
    /// Why, and what to do.
    pub text: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_escaped() {
        let html = Notice { heading: "<b>", text: "\"&" }.render().unwrap();
        assert!(!html.contains("<b>") && html.contains("&#60;b&#62;"), "{html}");
    }
}
