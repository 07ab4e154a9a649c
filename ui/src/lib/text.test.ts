import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { afterEach, expect, test } from "vitest";
import { pseudo } from "./pseudo";
import { rich, speak, t } from "./text";

afterEach(() => speak("en", () => undefined));

const RUNS = "{runs, plural, one {# run of {name}} other {# runs of {name}}}";

test("a message has places", () => {
  expect(t("Delete it?")).toBe("Delete it?");
  expect(t("{a} and {b}, {a}", { a: "x", b: 3 })).toBe("x and 3, x");
  expect(t("It's {a}: '{{'{b}'}}'", { a: null, b: 0 })).toBe("It's : {{0}}");
});

test("a number chooses the words", () => {
  expect(t(RUNS, { runs: 1, name: "A" })).toBe("1 run of A");
  expect(t(RUNS, { runs: 1200, name: "A" })).toBe("1,200 runs of A");
  expect(t("{n, plural, =0 {none} one {one} other {many, # }}.", { n: 0 })).toBe("none.");
  speak("pl", (message) =>
    message === RUNS ? "{runs, plural, one {jeden} few {# kilka} many {# wiele} other {#}}" : undefined,
  );
  expect([1, 3, 5].map((runs) => t(RUNS, { runs }))).toEqual(["jeden", "3 kilka", "5 wiele"]);
});

test("a sentence holds elements", () => {
  const shown = rich("See <a>the list of {what}</a>, <b>now</b>: 1 < 2.", {
    a: (inner) => createElement("a", null, inner),
    b: (inner) => createElement("b", null, inner),
    what: createElement("i", null, "runs"),
  });
  expect(renderToStaticMarkup(shown)).toBe("See <a>the list of <i>runs</i></a>, <b>now</b>: 1 &lt; 2.");
});

test("a translation takes the place of the message, and may turn its parts around", () => {
  speak("de", (message) => ({ "Delete {name}?": "{name} löschen?" })[message]);
  expect(t("Delete {name}?", { name: "A" })).toBe("A löschen?");
  expect(t("Not translated")).toBe("Not translated");
});

test("the pseudo language marks all text, and nothing else", () => {
  speak("en", pseudo);
  expect(t("Delete {name}?", { name: "A" })).toBe("⟦Đéļéţé A?⟧");
  expect(t(RUNS, { runs: 2, name: "A" })).toBe("⟦2 ŕúńś őƒ A⟧");
  const shown = rich("See <a>it</a>", { a: (inner) => createElement("a", null, inner) });
  expect(renderToStaticMarkup(shown)).toBe("⟦Śéé <a>íţ</a>⟧");
});
