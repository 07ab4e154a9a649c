import { expect, test } from "vitest";
import { browserOf } from "./browser";

test("a user agent in words", () => {
  const chrome =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
  expect(browserOf(chrome)).toBe("Chrome on Linux");
  expect(browserOf(`${chrome} Edg/140.0`)).toBe("Edge on Linux");
  expect(browserOf("Mozilla/5.0 (Windows NT 10.0; rv:143.0) Gecko/20100101 Firefox/143.0")).toBe(
    "Firefox on Windows",
  );
  expect(browserOf("python-httpx/0.28")).toBe("python-httpx");
  expect(browserOf(null)).toBe("Unknown browser");
});
