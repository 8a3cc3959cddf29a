//! From text to tree.

use crate::search::filter::parse::parse;
use crate::search::filter::tree::Filter;

/// Returns the tree with every bracket written out.
fn shown(filter: &Filter) -> String {
    let all = |parts: &[Filter], word: &str| {
        let parts: Vec<String> = parts.iter().map(shown).collect();
        format!("({})", parts.join(word))
    };
    match filter {
        Filter::And(parts) => all(parts, " and "),
        Filter::Or(parts) => all(parts, " or "),
        Filter::Not(part) => format!("not {}", shown(part)),
        Filter::Test(test) => {
            let mut path = String::new();
            for step in &test.steps {
                path.push_str(&step.name);
                step.only.iter().for_each(|only| path.push_str(&format!(":{only}")));
                step.filter.iter().for_each(|filter| path.push_str(&format!("[{}]", shown(filter))));
                path.push('.');
            }
            format!("{path}{} {} <{}>", test.name, test.operator.name(), test.value)
        }
    }
}

#[test]
fn a_text_has_one_tree() {
    for (text, tree) in [
        (r#"name co "pet""#, "name co <pet>"),
        ("given eq peter and birthdate ge 2014-10-10", "(given eq <peter> and birthdate ge <2014-10-10>)"),
        // Neither binds closer: from left to right.
        ("a eq 1 or b eq 2 and c eq 3", "((a eq <1> or b eq <2>) and c eq <3>)"),
        ("a eq 1 and b eq 2 or c eq 3", "((a eq <1> and b eq <2>) or c eq <3>)"),
        ("a eq 1 or b eq 2 and c eq 3 or d eq 4", "(((a eq <1> or b eq <2>) and c eq <3>) or d eq <4>)"),
        ("a eq 1 or (b eq 2 and c eq 3)", "(a eq <1> or (b eq <2> and c eq <3>))"),
        ("a eq 1 and b eq 2 and c eq 3", "(a eq <1> and b eq <2> and c eq <3>)"),
        ("(a eq 1)and(b eq 2)", "(a eq <1> and b eq <2>)"),
        ("not (a eq 1) and b eq 2", "(not a eq <1> and b eq <2>)"),
        ("not(not(a eq 1 or b eq 2))", "not not (a eq <1> or b eq <2>)"),
        ("((( a eq 1 )))", "a eq <1>"),
        ("  a\teq\n1  ", "a eq <1>"),
        ("a EQ 1 AND Not (b Pr TRUE)", "(a eq <1> and not b pr <TRUE>)"),
        ("notify eq 1 and order eq 2 or android eq 3", "((notify eq <1> and order eq <2>) or android eq <3>)"),
        ("and eq or or or eq and", "(and eq <or> or or eq <and>)"),
        ("subject.name co pet", "subject.name co <pet>"),
        ("subject:Patient.name co pet", "subject:Patient.name co <pet>"),
        ("a.b.c.d pr true", "a.b.c.d pr <true>"),
        (r#"related[type eq "has-component"].target pr true"#, "related[type eq <has-component>].target pr <true>"),
        (
            "related[type eq has-component].target re Observation/4",
            "related[type eq <has-component>].target re <Observation/4>",
        ),
        ("a[(b eq 1) or c[d eq 2].e eq 3].f eq 4", "a[(b eq <1> or c[d eq <2>].e eq <3>)].f eq <4>"),
        ("subject:Patient[name eq x].organization.name eq y", "subject:Patient[name eq <x>].organization.name eq <y>"),
        ("code eq http://loinc.org|1234-5", "code eq <http://loinc.org|1234-5>"),
        (r#"a eq "x ) ] \" \\ \/ \u00e4 \ud83d\ude00 \n""#, "a eq <x ) ] \" \\ / ä 😀 \n>"),
        (r#"a eq """#, "a eq <>"),
        (r"a eq x\|y,z", r"a eq <x\|y,z>"),
        (r#"a eq x"y"#, r#"a eq <x"y>"#),
        ("a eq (1", "a eq <(1>"),
        ("date gt 2014-10-10T10:00:00+02:00", "date gt <2014-10-10T10:00:00+02:00>"),
        ("_id eq a-b.c", "_id eq <a-b.c>"),
    ] {
        assert_eq!(parse(text).as_ref().map(shown).unwrap_or_else(ToString::to_string), tree, "{text}");
    }
}

#[test]
fn what_is_no_filter_is_refused_at_its_place() {
    for (text, place, wanted) in [
        (" ", 2, "name of a parameter, 'not' or '('"),
        ("name", 5, "a space and an operator"),
        ("name ", 6, "one of the operators eq ne"),
        ("name eq", 8, "a space and a value"),
        ("name eq ", 9, "a value"),
        ("name equals x", 6, "one of the operators eq ne"),
        ("name = x", 6, "one of the operators eq ne"),
        ("name=x", 5, "a space and an operator"),
        (r#"name eq"x""#, 8, "a space and a value"),
        ("1name eq x", 1, "name of a parameter"),
        ("-name eq x", 1, "name of a parameter"),
        ("äname eq x", 1, "name of a parameter"),
        ("name:exact eq x", 11, "'exact', after the ':' of character 5, is not a resource type"),
        ("subject:Patient eq x", 16, "'.' and the name"),
        ("subject:Parameters.name eq x", 19, "is not a resource type"),
        ("subject: eq x", 9, "is not a resource type"),
        ("name eq x y", 11, "'and', 'or'"),
        ("name eq x xor name eq y", 11, "'and', 'or'"),
        ("name eq x and", 14, "name of a parameter"),
        ("name eq x and and name eq y", 19, "one of the operators"),
        ("and name eq x", 5, "one of the operators"),
        ("name eq x)", 10, "'and', 'or' or the end"),
        ("name eq x]", 10, "'and', 'or' or the end"),
        ("(name eq x", 11, "')', but the filter ends"),
        ("(name eq x]", 11, "')', found ']'"),
        ("()", 2, "name of a parameter"),
        ("not name eq x", 5, "'(' after 'not'"),
        ("not", 4, "'(' after 'not'"),
        ("a[b eq 1] eq 2", 10, "'.' and the name"),
        ("a[b eq 1", 9, "']', but the filter ends"),
        ("a[b eq 1).c eq 2", 9, "']', found ').c"),
        ("a[].c eq 2", 3, "name of a parameter"),
        ("a[b eq 1].", 11, "name of a parameter"),
        ("a[b eq 1]c eq 2", 10, "'.' and the name"),
        ("a..b eq 1", 3, "name of a parameter"),
        ("a. b eq 1", 3, "name of a parameter"),
        ("a.[b eq 1].c eq 2", 3, "name of a parameter"),
        ("a eq )", 6, "a value, found ')'"),
        (r#"a eq "x"#, 6, "no closing"),
        (r#"a eq "x\""#, 6, "no closing"),
        (r#"a eq "\x""#, 6, "not one of JSON"),
        (r#"a eq "\ud800""#, 6, "not one of JSON"),
        ("a eq \"\n\"", 6, "not one of JSON"),
        (r#"a eq "x"y"#, 9, "a space after the string"),
        (r#"ä eq 1"#, 1, "name of a parameter"),
        (r#"a eq "ä" x"#, 10, "'and', 'or'"),
    ] {
        let fault = parse(text).err().unwrap_or_else(|| panic!("{text} was accepted"));
        assert_eq!(fault.status(), 400);
        let said = fault.to_string();
        assert!(said.starts_with(&format!("parameter '_filter' at character {place}: ")), "{text}: {said}");
        assert!(said.contains(wanted), "{text}: {said}");
    }
}
