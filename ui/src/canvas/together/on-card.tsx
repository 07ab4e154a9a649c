import { MessageSquare } from "lucide-react";
import { t } from "@/lib/text";
import { useSurroundings } from "../surroundings";
import { Avatar } from "./avatar";

type Props = { id: string; name: string; threads: number; others: string };

/** On a node: how many open threads it has, and who else has it selected. */
export function OnCard({ id, name, threads, others }: Props) {
  const { onComments } = useSurroundings();
  const said = t("{threads, plural, one {# open comment} other {# open comments}} on {name}", {
    threads,
    name,
  });
  return (
    <span className="-top-3.5 absolute right-2 z-10 flex items-center gap-1">
      {others && (
        <span className="flex gap-0.5">
          {others.split("\n").map((subject) => (
            <Avatar key={subject} name={subject} said={t("{subject} has it selected", { subject })} small />
          ))}
        </span>
      )}
      {threads > 0 && (
        // Not a stop of the keyboard, which reads the count with the node and goes there by the panel and the Outline.
        <button
          type="button"
          tabIndex={-1}
          aria-label={said}
          title={said}
          onClick={(event) => {
            event.stopPropagation();
            onComments?.({ about: id });
          }}
          className="nodrag nopan tabular flex h-6 min-w-6 items-center justify-center gap-1 rounded-full border bg-surface px-1.5 font-medium text-accent-text text-xs shadow-card hover:bg-sunken"
        >
          <MessageSquare aria-hidden className="size-3.5" />
          {threads}
        </button>
      )}
    </span>
  );
}
