import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { usagesQuery } from "@/api/queries";
import type { Offer } from "@/api/types";
import { t } from "@/lib/text";
import { Loaded, Popover, SkeletonRows } from "@/ui";

/** "in 3", which opens the list of those steps. */
export function UsedIn({ item }: { item: Offer }) {
  const [open, setOpen] = useState(false);
  if (item.usedIn === 0) return <span className="text-muted text-xs">–</span>;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: only keeps the click from the row
    <span onClick={(event) => event.stopPropagation()} onKeyDown={(event) => event.stopPropagation()}>
      <Popover
        label={t("Where {name} is used", { name: item.name })}
        open={open}
        onOpenChange={setOpen}
        trigger={
          <button
            type="button"
            aria-label={t("Used in {usedIn}: show where {name} is used", {
              usedIn: item.usedIn,
              name: item.name,
            })}
            className="-ml-1.5 h-6 rounded-md px-1.5 text-accent-text text-xs hover:bg-hover hover:underline"
          >
            {t("in {usedIn}", { usedIn: item.usedIn })}
          </button>
        }
      >
        {open && <Uses provider={item.provider} connectionId={item.connectionId} workflowId={item.id} />}
      </Popover>
    </span>
  );
}

type Props = { provider: string; connectionId: string; workflowId: string };

/** The steps that call it, as links to them. */
export function Uses(of: Props) {
  const query = useQuery(usagesQuery(of));
  return (
    <Loaded query={query} compact skeleton={<SkeletonRows rows={2} className="p-0" />}>
      {(items) =>
        items.length > 0 ? (
          <ul className="flex min-w-48 flex-col gap-0.5 text-sm">
            {items.map((each) => (
              <li key={`${each.orchestratorId} ${each.nodeId} ${each.revision}`}>
                <Link
                  to="/orchestrators/$id"
                  params={{ id: each.orchestratorId }}
                  search={{ node: each.nodeId, revision: each.newest ? undefined : each.revision }}
                  className="flex min-h-6 flex-wrap items-baseline gap-x-1.5 rounded-md hover:underline"
                >
                  <span className="text-accent-text">{each.orchestratorName}</span>
                  <span className="text-muted text-xs">
                    {each.nodeLabel}
                    {!each.newest && t(", published revision {revision}", { revision: each.revision })}
                  </span>
                </Link>
              </li>
            ))}
          </ul>
        ) : (
          <p className="text-muted text-sm">{t("No orchestrator uses it.")}</p>
        )
      }
    </Loaded>
  );
}
