//! Commands that documents tell people to type exist: every `sh` block of README.md is read, and each command's words are asked for their help.
//!
//! Nothing is done but asking: a command may need a ship, root or a network.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use dogwatch_tests::programs::run;
use dogwatch_tests::workspace::root;

/// The programs of the workspace, and the crate that `cargo run -p` names.
const PROGRAMS: [(&str, &str); 3] =
    [("dogwatch", "dogwatch"), ("dogwatch-shore", "dogwatch-shore"), ("dogwatch-sim", "dogwatch-sim")];

/// The commands of all `sh` blocks: one a line, lines ended by a backslash joined, prompts and comments taken off.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut is_within, mut begun) = (false, String::new());
    for line in text.lines() {
        if let Some(mark) = line.trim_start().strip_prefix("```") {
            is_within = !is_within && mark.trim() == "sh";
            continue;
        }
        if !is_within {
            continue;
        }
        let line = line.trim().trim_start_matches("$ ");
        match line.strip_suffix('\\') {
            Some(part) => begun += part,
            None => found.push(std::mem::take(&mut begun) + line.split(" # ").next().unwrap_or(line)),
        }
    }
    found
}

/// Program and arguments of a command that is ours.
fn ours(command: &str) -> Option<(&'static str, Vec<String>)> {
    let mut words: Vec<&str> = command.split(['|', '>', ';', '&']).next()?.split_whitespace().collect();
    while words.first().is_some_and(|word| *word == "sudo" || word.contains('=')) {
        words.remove(0);
    }
    let (first, rest) = words.split_first()?;
    if *first == "cargo" {
        let (before, after) = match rest.iter().position(|word| *word == "--") {
            Some(place) => (rest.get(..place)?, rest.get(place + 1..)?),
            None => (rest, [].as_slice()),
        };
        let (verb, options) = before.split_first()?;
        let package = options.iter().position(|word| *word == "-p" || *word == "--package");
        let name = package.and_then(|place| options.get(place + 1))?;
        let (program, _) = PROGRAMS.iter().find(|(_, package)| package == name)?;
        return (*verb == "run").then(|| (*program, after.iter().map(|&word| word.to_owned()).collect()));
    }
    let name = first.rsplit('/').next()?;
    let (program, _) = PROGRAMS.iter().find(|(program, _)| *program == name)?;
    Some((*program, rest.iter().map(|&word| word.to_owned()).collect()))
}

/// Verbs (words before the first option, as long as the program knows them) and long options of a command must stand in the help.
fn check(program: &'static str, arguments: &[String]) {
    let mut verbs: Vec<&str> = Vec::new();
    let mut help = run(program, &["--help"]).unwrap();
    assert_eq!(help.code, Some(0), "{program} --help: {help:?}");
    for word in arguments.iter().take_while(|word| !word.starts_with('-')) {
        let asked = run(program, &[verbs.as_slice(), &[word, "--help"]].concat()).unwrap();
        let has_verbs = help.out.contains("<COMMAND>") || help.out.contains("Commands:");
        if !has_verbs {
            break;
        }
        assert_eq!(
            asked.code,
            Some(0),
            "{program} has no `{}`: {}",
            [verbs.as_slice(), &[word]].concat().join(" "),
            asked.err
        );
        verbs.push(word);
        help = asked;
    }
    for option in arguments.iter().filter(|word| word.starts_with("--") && word.len() > 2) {
        let name = option.split('=').next().unwrap_or(option);
        let is_known = help
            .out
            .split(|letter: char| letter.is_whitespace() || letter == ',' || letter == '=')
            .any(|word| word == name);
        assert!(is_known, "{program} {} has no option {name}:\n{}", verbs.join(" "), help.out);
    }
}

#[test]
fn commands_of_the_readme_exist() {
    let Ok(text) = std::fs::read_to_string(root().join("README.md")) else {
        println!("skipped: there is no README.md");
        return;
    };
    let commands = commands(&text);
    let ours: Vec<_> = commands.iter().filter_map(|command| ours(command)).collect();
    println!("{} commands in README.md, {} of them ours", commands.len(), ours.len());
    assert!(!ours.is_empty(), "README.md shows no command of dogwatch in a block marked `sh`");
    for (program, arguments) in &ours {
        println!("{program} {}", arguments.join(" "));
        check(program, arguments);
    }
}

#[test]
fn blocks_are_read_as_people_read_them() {
    let text = "a\n```sh\n$ dogwatch run \\\n  --config x # why\ncargo run -p dogwatch-sim -- list\nsudo dogwatch --version\nls\n```\n```toml\ndogwatch nothing\n```\n```sh\ndogwatch-shore init --dir d | tee x\n```\n";
    let found: Vec<_> = commands(text)
        .iter()
        .filter_map(|command| ours(command))
        .map(|(program, words)| format!("{program} {}", words.join(" ")))
        .collect();
    assert_eq!(
        found,
        ["dogwatch run --config x", "dogwatch-sim list", "dogwatch --version", "dogwatch-shore init --dir d"]
    );
    check("dogwatch", &["policy".to_owned(), "check".to_owned(), "x.toml".to_owned(), "--json".to_owned()]);
}
