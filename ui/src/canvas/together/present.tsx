import type { Person } from "@/api/types";
import { t } from "@/lib/text";
import { Popover } from "@/ui";
import { labelOf } from "../graph";
import { useFlow } from "../store";
import { Avatar } from "./avatar";

const SHOWN = 3;

/** Who else has the drawing open. */
export function Present({ others }: { others: readonly Person[] }) {
  const nodes = useFlow((flow) => flow.nodes);
  const rest = others.length - SHOWN;
  const name = (id: string) => {
    const found = nodes.find((node) => node.id === id);
    return found ? labelOf(found) : null;
  };
  return (
    <Popover
      label={t("People here")}
      align="end"
      trigger={
        <button
          type="button"
          aria-label={t("{others, plural, one {# other person} other {# other people}} here", {
            others: others.length,
          })}
          className="flex h-8 items-center rounded-md px-1 hover:bg-hover"
        >
          <span className="-space-x-1.5 flex">
            {others.slice(0, SHOWN).map(({ subject }) => (
              <Avatar key={subject} name={subject} />
            ))}
          </span>
          {rest > 0 && <span className="pl-1.5 text-muted text-xs">+{rest}</span>}
        </button>
      }
    >
      <ul
        aria-label={t("People here")}
        className="flex max-h-80 w-64 max-w-full flex-col gap-2 overflow-y-auto"
      >
        {others.map(({ subject, selected }) => (
          <li key={subject} className="flex items-center gap-2.5">
            <span aria-hidden>
              <Avatar name={subject} />
            </span>
            <span className="min-w-0">
              <span className="block truncate font-medium text-sm">{subject}</span>
              <span className="block truncate text-muted text-xs">
                {selected.map(name).filter(Boolean).join(", ") || t("Nothing selected")}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </Popover>
  );
}
