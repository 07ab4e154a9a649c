import { useEffect, useRef, useState } from "react";
import { ended } from "@/api/queries";
import type { NodeRun, RunDetail } from "@/api/types";
import { t } from "@/lib/text";
import { lookOf } from "@/ui";
import { useShownRun } from "../surroundings";

const PAUSE = 3000;

/** Says to a screen reader what has become of the run on show, at most once in three seconds. */
export function LiveRegion() {
  const run = useShownRun();
  const [text, setText] = useState("");
  const told = useRef<RunDetail | undefined>(undefined);
  const at = useRef(0);
  useEffect(() => {
    const before = told.current;
    if (!run || before === run) return;
    const say = () => {
      const said = before && before.id === run.id ? news(before, run) : "";
      told.current = run;
      if (!said) return;
      at.current = Date.now();
      setText(said);
    };
    const wait = at.current + PAUSE - Date.now();
    if (wait <= 0) return say();
    const timer = window.setTimeout(say, wait);
    return () => window.clearTimeout(timer);
  }, [run]);
  return (
    <p role="status" aria-live="polite" className="sr-only" data-live>
      {text}
    </p>
  );
}

/** "Price the order completed. Run 12 running, 3 of 9 steps done." */
export function news(before: RunDetail, run: RunDetail): string {
  const states = new Map(before.nodes.map((node) => [node.id, node.status]));
  const changes = run.nodes.filter((node) => states.get(node.id) !== node.status);
  if (changes.length === 0 && before.status === run.status) return "";
  const shown = changes.slice(-3).map((node) => `${name(node)} ${lookOf(node.status).label.toLowerCase()}.`);
  const more =
    changes.length > 3
      ? [t("{changes, plural, one {# other} other {# others}} changed.", { changes: changes.length - 3 })]
      : [];
  const done = run.nodes.filter((node) => node.finishedAt !== null).length;
  const word = lookOf(run.status).label.toLowerCase();
  const where = ended(run.status)
    ? ""
    : t(", {done} of {nodes} steps done", { done, nodes: run.nodes.length });
  return [...shown, ...more, t("Run {number} {word}{where}.", { number: run.number, word, where })].join(" ");
}

function name(node: NodeRun): string {
  return node.label || node.id;
}
