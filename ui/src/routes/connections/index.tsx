import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Cable, Plus } from "lucide-react";
import { connectionsQuery, providersQuery, usagesQuery, useMay } from "@/api/queries";
import type { Connection } from "@/api/types";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { SandboxButton } from "@/shell/sandbox-button";
import { Button, EmptyState, Loaded, Page } from "@/ui";
import { AddDialog } from "./add";
import { ConnectionCard } from "./card";
import { usesOf } from "./used-by";

/** By the number of a provider's cards: the columns it takes of the page's grid, and its own. */
const SPANS = [
  ["", ""],
  ["sm:col-span-2", "sm:grid-cols-2"],
  ["sm:col-span-2 xl:col-span-3", "sm:grid-cols-2 xl:grid-cols-3"],
] as const;

const WHILE_HELD = 2_000;

const route = getRouteApi("/connections");

/** The platforms we may call. */
export function ConnectionsPage() {
  const { add, open } = route.useSearch();
  const navigate = useNavigate({ from: "/connections" });
  const query = useQuery({
    ...connectionsQuery(),
    refetchInterval: ({ state }) => (state.data?.some(held) ? WHILE_HELD : false),
  });
  const providers = useQuery(providersQuery);
  const uses = useQuery(usagesQuery({})).data;
  const may = useMay("editor");
  const adding = (provider: string | undefined) => void navigate({ search: { add: provider, open } });
  const button = (
    <Button variant="primary" icon={Plus} onClick={() => adding("")}>
      {t("Add connection")}
    </Button>
  );
  return (
    <Page
      title={t("Connections")}
      description={t("The platforms that orchestrators call, and the accounts they use there.")}
      actions={may && query.data?.length !== 0 && button}
    >
      <Loaded query={query}>
        {(items) =>
          items.length ? (
            <div className="grid gap-x-3 gap-y-6 sm:grid-cols-2 xl:grid-cols-3">
              {grouped(items).map(([name, group]) => {
                const provider = providers.data?.find((each) => each.name === name);
                const [span, columns] = SPANS[Math.min(group.length, SPANS.length) - 1] ?? [];
                return (
                  <section key={name} aria-label={provider?.title ?? name} className={cn("min-w-0", span)}>
                    <h2 className="mb-2 font-semibold text-muted text-sm">
                      {provider?.title ?? name} <span className="tabular font-normal">{group.length}</span>
                    </h2>
                    <ul className={cn("grid gap-3", columns)}>
                      {group.map((connection) => (
                        <li key={connection.id} className="min-w-0">
                          <ConnectionCard
                            connection={connection}
                            provider={provider}
                            uses={uses && usesOf(uses.filter((each) => each.connectionId === connection.id))}
                            marked={connection.id === open}
                          />
                        </li>
                      ))}
                    </ul>
                  </section>
                );
              })}
            </div>
          ) : (
            <EmptyState
              icon={Cable}
              title={t("Nothing is connected yet")}
              actions={
                may && (
                  <>
                    {button}
                    <SandboxButton />
                  </>
                )
              }
            >
              {t(
                "A connection says where n8n, Make, Zapier or Airflow answers, and with which key. Its workflows can then be steps of an orchestrator. Without an account anywhere, look around with small sandbox platforms that run in this server.",
              )}
            </EmptyState>
          )
        }
      </Loaded>
      {add !== undefined && may && providers.data && (
        <AddDialog
          providers={providers.data}
          chosen={add}
          onChoose={adding}
          onClose={() => adding(undefined)}
          onMade={(id) => void navigate({ search: { open: id } })}
        />
      )}
    </Page>
  );
}

/** By provider, providers by name; within one, oldest first as the server says. */
function grouped(items: readonly Connection[]): [string, Connection[]][] {
  const groups = new Map<string, Connection[]>();
  for (const item of items) groups.set(item.provider, [...(groups.get(item.provider) ?? []), item]);
  return [...groups].sort(([a], [b]) => a.localeCompare(b));
}

/** Whether it changes by itself now. */
function held({ breaker }: Connection): boolean {
  return breaker.state !== "closed" || breaker.held > 0;
}
