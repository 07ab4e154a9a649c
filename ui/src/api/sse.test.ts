import { expect, test } from "vitest";
import { EventReader } from "./sse";

test("events come out whole however the stream is cut", () => {
  const stream =
    'id: 1\nevent: node.started\ndata: {"seq":1}\n\n: ping\n\nid: 2\r\nevent: log\r\ndata: a\r\ndata: b\r\n\r\n';
  const whole = new EventReader().push(stream);
  expect(whole).toEqual([
    { id: "1", event: "node.started", data: '{"seq":1}' },
    { id: "2", event: "log", data: "a\nb" },
  ]);
  const reader = new EventReader();
  expect([...stream].flatMap((letter) => reader.push(letter))).toEqual(whole);
});

test("an event that has not ended is kept back", () => {
  expect(new EventReader().push("id: 1\ndata: x\n")).toEqual([]);
});
