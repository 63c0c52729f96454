// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page of an audit in a browser: it opens, filters, links, prints, can be read without its script, asks for nothing, and runs
//! nobody else's.

use std::path::Path;

use serde_json::{Value, json};

use super::browser::Browser;
use super::other;
use crate::shell::TaskError;

/// What is to be seen of the table of modules.
const SHOWN: &str = "[...document.querySelectorAll('tr[data-t]')].filter((row) => row.getClientRects().length)";

/// Looks at three pages, and takes pictures of two of them.
pub(super) fn look_at(drivers: &Path, stock: &Path, hostile: &Path, pictures: &Path) -> Result<(), TaskError> {
    let mut browser = Browser::start()?;
    for (page, name) in [(drivers, "drivers"), (stock, "stock")] {
        let took = browser.open(page)?;
        println!("{name}: {took:.0} ms until it was there");
        for (width, scheme) in [(1280, "light"), (420, "dark")] {
            browser.resize(width, scheme)?;
            browser.picture(&pictures.join(format!("{name}-{width}.png")))?;
            let overflows = browser.ask("document.documentElement.scrollWidth > innerWidth")?;
            check(overflows == false, || format!("{name} is wider than {width}"))?;
        }
        browser.resize(1280, "light")?;
        asks_for_nothing(&browser, name)?;
    }
    browser.print(&pictures.join("stock.pdf"))?;
    filters(&mut browser, drivers)?;
    follows(&mut browser, pictures)?;
    asks_for_nothing(&browser, "drivers")?;
    without_script(&mut browser, drivers)?;
    stays_text(&mut browser, hostile)?;
    println!(
        "the pages filter, link, print, do without scripts and ask for nothing; pictures are in {}",
        pictures.display()
    );
    Ok(())
}

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), TaskError> {
    if holds { Ok(()) } else { Err(other(otherwise())) }
}

/// Whether the browser asked for the page itself and for nothing else, and nothing went wrong in it.
fn asks_for_nothing(browser: &Browser, name: &str) -> Result<(), TaskError> {
    let of = |method: &str| -> Vec<&Value> {
        browser.events.iter().filter(|event| event["method"] == method).map(|event| &event["params"]).collect()
    };
    let requests: Vec<&str> =
        of("Network.requestWillBeSent").into_iter().filter_map(|params| params["request"]["url"].as_str()).collect();
    check(requests.len() == 1, || format!("{name} asks for {}", requests.join(" ")))?;
    for wrong in ["Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening"] {
        let said = of(wrong);
        check(said.is_empty(), || format!("{name}: {wrong}: {said:?}"))?;
    }
    Ok(())
}

/// The names in the table that are to be seen.
fn names(browser: &mut Browser) -> Result<Vec<String>, TaskError> {
    let names = browser.ask(&format!("{SHOWN}.map((row) => row.cells[0].textContent)"))?;
    let names = names.as_array().cloned().unwrap_or_default();
    Ok(names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn filters(browser: &mut Browser, page: &Path) -> Result<(), TaskError> {
    browser.open(page)?;
    let all = names(browser)?.len();
    check(all > 4000, || format!("only {all} modules are there"))?;
    browser.click("#filter input[value=o]")?;
    let found = names(browser)?;
    check(found == ["acpi_call", "evdi", "v4l2loopback"], || format!("out of tree are {found:?}"))?;
    browser.click("#filter input[value=d]")?;
    let found = names(browser)?;
    check(found == ["evdi"], || format!("out of tree and denied are {found:?}"))?;
    browser.click("#filter button")?;
    browser.ask("new Promise((done) => setTimeout(done, 50))")?;
    let found = names(browser)?.len();
    check(found == all, || format!("{found} of {all} are there again"))?;
    browser.click("#filter input[type=search]")?;
    browser.write("vmwgfx")?;
    let found = names(browser)?;
    check(found == ["vmwgfx"], || format!("vmwgfx is {found:?}"))?;
    let articles = "[...document.querySelectorAll('article')].filter((it) => it.getClientRects().length).length";
    let articles = browser.ask(articles)?;
    check(articles == 1, || format!("{articles} modules are told of"))
}

/// Follows a link to what is filtered out, and reads its evidence.
fn follows(browser: &mut Browser, pictures: &Path) -> Result<(), TaskError> {
    browser.click("#filter button")?;
    browser.ask("new Promise((done) => setTimeout(done, 50))")?;
    let mark = "[...document.querySelectorAll('tr[data-m] a')].find((it) => it.textContent === 'evdi').id = 'here'";
    browser.ask(mark)?;
    browser.click("#here")?;
    let article = "document.getElementById(location.hash.slice(1))";
    let text = browser.ask(&format!("{article}.innerText"))?;
    let text = text.as_str().unwrap_or_default().to_owned();
    for said in ["evdi", "SG001", "updates/dkms", "not registered", "dma_buf_vmap", "evdi_gem.c:301"] {
        check(text.contains(said), || format!("the evidence does not say {said}:\n{text}"))?;
    }
    let top = browser.ask(&format!("{article}.getBoundingClientRect().top"))?;
    check(top.as_f64().is_some_and(|top| (0.0..900.0).contains(&top)), || format!("the link leads to {top}"))?;
    browser.picture(&pictures.join("evidence.png"))?;
    // Of one that gets there through others there is a picture of the way.
    let drawn = browser.ask("document.querySelectorAll('article svg rect').length")?;
    check(drawn.as_u64().is_some_and(|drawn| drawn > 100), || format!("{drawn} boxes are drawn"))?;
    browser.ask("document.querySelector('article svg').scrollIntoView()")?;
    browser.picture(&pictures.join("way.png"))
}

fn without_script(browser: &mut Browser, page: &Path) -> Result<(), TaskError> {
    browser.call("Emulation.setScriptExecutionDisabled", &json!({"value": true}))?;
    browser.open(page)?;
    let found = names(browser)?.len();
    check(found > 4000, || format!("without a script {found} modules are to be seen"))?;
    let filter = browser.ask("document.getElementById('filter').getClientRects().length")?;
    check(filter == 0, || "without a script there is a filter that does nothing".to_owned())?;
    browser.call("Emulation.setScriptExecutionDisabled", &json!({"value": false})).map(drop)
}

fn stays_text(browser: &mut Browser, page: &Path) -> Result<(), TaskError> {
    browser.open(page)?;
    let foreign =
        browser.ask("document.querySelectorAll('img, iframe, body > svg, td svg, h2 *, script[src]').length")?;
    check(foreign == 0, || format!("{foreign} things are markup that were names"))?;
    let scripts = browser.ask("document.scripts.length")?;
    check(scripts == 1, || format!("there are {scripts} scripts"))?;
    let text = browser.ask("document.body.innerText")?;
    let text = text.as_str().unwrap_or_default();
    check(text.contains("<img src=x onerror=alert(1)>"), || "the names are not there".to_owned())?;
    asks_for_nothing(browser, "the page of hostile names")
}
