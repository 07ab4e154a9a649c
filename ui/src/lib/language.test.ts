import { afterEach, expect, test } from "vitest";
import { LANGUAGES, languageOf } from "./language";
import { forget, keep } from "./persist";

afterEach(() => forget("language"));

test("what was chosen counts, then what the browser asks for, then English", () => {
  expect(LANGUAGES).toContain("en");
  expect(languageOf(["xx", "en-GB"])).toBe("en");
  expect(languageOf(["xx"])).toBe("en");
  keep("language", "en-XA");
  expect(languageOf(["en"])).toBe("en-XA");
  keep("language", "gone");
  expect(languageOf(["en"])).toBe("en");
});
