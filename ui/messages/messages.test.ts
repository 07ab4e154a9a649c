// @vitest-environment node
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compiled, read, write } from "./po.ts";
import { search, searchIn } from "./source.ts";
import { catalogue } from "./update.ts";

const found = search();
const FOLDER = new URL("./", import.meta.url);

describe("the catalogue", () => {
  it("has every message of the code, and no other", () => {
    const kept = readFileSync(new URL("messages.pot", FOLDER), "utf8");
    expect(kept, "ui/build_hook.py run messages").toBe(catalogue(found, "", []));
  });

  it("leaves no text outside", () => {
    expect(found.outside).toEqual([]);
  });

  it.each(readdirSync(FOLDER).filter((name) => name.endsWith(".po")))(
    "%s keeps every place of a message",
    (name) => {
      for (const { message, translation } of read(readFileSync(new URL(name, FOLDER), "utf8"))) {
        if (translation) expect(places(translation), message).toEqual(places(message));
      }
    },
  );
});

describe("a text that was forgotten", () => {
  const outside = (code: string) => {
    const result = { messages: new Map<string, Set<string>>(), outside: [] as string[] };
    searchIn(code, "x.tsx", result);
    return result.outside;
  };

  it.each([
    "<p>Delete it?</p>",
    '<p>{sure ? "Delete it" : null}</p>',
    '<Button label="Delete" />',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the code of a template
    "<Button label={`Delete ${name}`} />",
    'const A = { title: "Delete" };',
    'function A({ label = "Delete" }) {}',
    'toast.success("Deleted");',
    'toastProblem(error, "It was not deleted");',
    "t(name);",
  ])("%s", (code) => expect(outside(code)).toHaveLength(1));

  it.each([
    '<p>{t("Delete it?")}</p>',
    '<p title={sure ? t("Delete it") : undefined}>· {count} %</p>',
    '<Button variant="danger" className="flex" />',
    "<code>baton migrate</code>",
    'toast.success(t("Deleted"));',
  ])("%s is none", (code) => expect(outside(code)).toEqual([]));
});

describe("a PO file", () => {
  const entries = [
    { message: "Delete {name}?", translation: "{name} löschen?", files: ["a.tsx", "b.tsx"] },
    { message: 'A "word"\nand a line', translation: "", files: ["a.tsx"] },
  ];

  it("says what was written", () => {
    expect(read(write(entries, "de"))).toEqual(entries);
    expect(compiled(write(entries, "de"))).toEqual({ "Delete {name}?": "{name} löschen?" });
  });

  it("may have long texts in several lines, and what tools add", () => {
    const text = '# by hand\nmsgid ""\n"One "\n"two"\nmsgstr "Eins "\n"zwei"\n\n#~ msgid "Gone"\n';
    expect(compiled(text)).toEqual({ "One two": "Eins zwei" });
    expect(compiled(`#, fuzzy\n${text}`)).toEqual({});
    expect(read(write(read(`#, fuzzy\n${text}`), "de"))).toEqual(read(`#, fuzzy\n${text}`));
    expect(() => read("nonsense")).toThrow("not a line");
  });

  it("keeps its translations when the code changes", () => {
    const messages = new Map([
      ["Delete {name}?", new Set(["c.tsx"])],
      ["New", new Set(["c.tsx"])],
    ]);
    expect(read(catalogue({ messages, outside: [] }, "de", entries))).toEqual([
      { message: "Delete {name}?", translation: "{name} löschen?", files: ["c.tsx"] },
      { message: "New", translation: "", files: ["c.tsx"] },
    ]);
  });
});

function places(text: string): string[] {
  return [...new Set(text.match(/\{\w+(?=[},])|<\w+>/g))].sort();
}
