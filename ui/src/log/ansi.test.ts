import { expect, test } from "vitest";
import { piecesOf, plain } from "./ansi";

const looks = (text: string) => piecesOf(text).map((piece) => [piece.text, piece.tone, piece.bold]);

test("colours and bold begin and end where the signs say", () => {
  expect(looks("a \x1b[31mred\x1b[0m b")).toEqual([
    ["a ", null, false],
    ["red", "red", false],
    [" b", null, false],
  ]);
  expect(looks("\x1b[1;92mok\x1b[22m so\x1b[39m on")).toEqual([
    ["ok", "green", true],
    [" so", "green", false],
    [" on", null, false],
  ]);
});

test("colours by number and backgrounds leave the text as it is", () => {
  expect(looks("\x1b[38;5;196mx\x1b[48;2;1;2;31my\x1b[44mz")).toEqual([
    ["x", null, false],
    ["y", null, false],
    ["z", null, false],
  ]);
});

test("links and signs that move the cursor are not text", () => {
  expect(plain("\x1b]8;;https://a.example\x07link\x1b]8;;\x07 \x1b[2Kdone")).toBe("link done");
  expect(plain("nothing")).toBe("nothing");
});
