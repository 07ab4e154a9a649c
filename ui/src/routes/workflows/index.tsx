import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { TriangleAlert } from "lucide-react";
import { useMemo, useState } from "react";
import { type OfferFilter, offersQuery, providersQuery } from "@/api/queries";
import type { NodeState, Offer, OfferConnection, OfferPage, Provider } from "@/api/types";
import { t } from "@/lib/text";
import { Loaded, Page, StatusIcon, Tabs } from "@/ui";
import { AddBar } from "./add";
import { Filters, filtered } from "./filters";
import { Freshness } from "./freshness";
import { WorkflowList } from "./list";
import { NotConnected, Nothing, NothingConnected } from "./nothing";
import { PreviewPane } from "./preview";

const route = getRouteApi("/workflows");
const ALL = "all";
const WORST = ["FAILING", "INACTIVE", "ACTIVE"] as const;

/** The workflows of all connected platforms. */
export function WorkflowsPage() {
  const providers = useQuery(providersQuery);
  return (
    <Page
      title={t("Workflows")}
      layout="fill"
      description={t("What runs on the connected platforms, and what of it can be a step.")}
    >
      <Loaded query={providers}>{(items) => <Browser providers={items} />}</Loaded>
    </Page>
  );
}

function Browser({ providers }: { providers: readonly Provider[] }) {
  const search = route.useSearch();
  const navigate = useNavigate({ from: "/workflows" });
  const { workflow, from, ...narrowing } = search;
  const { provider, connection, ...words } = narrowing;
  const query = useInfiniteQuery(
    offersQuery(
      given({ provider, connectionId: connection, ...words, result: words.result as NodeState | undefined }),
    ),
  );
  const [chosen, setChosen] = useState<ReadonlyMap<string, Offer>>(new Map());
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const head = query.data?.pages[0];
  const listed = providers.filter((each) => each.verbs.includes("list"));
  const shown = listed.find((each) => each.name === provider);
  if (!shown && listed.every((each) => each.connections.length === 0)) {
    return <NothingConnected providers={listed} />;
  }

  const change = (next: Partial<typeof search>) =>
    void navigate({ search: { ...search, ...next }, replace: true });
  const of = (name: string) => (head?.connections ?? []).filter((each) => each.provider === name);
  const sum = (parts: readonly OfferConnection[]) => parts.reduce((all, each) => all + each.matching, 0);
  const sorted = [...listed].sort(
    (a, b) => Number(b.connections.length > 0) - Number(a.connections.length > 0),
  );
  const list = (page: OfferPage) =>
    rows.length > 0 ? (
      <WorkflowList
        rows={rows}
        total={page.total}
        selected={workflow ? `${from ?? ""} ${workflow}` : null}
        onSelect={(item) => change({ workflow: item.id, from: item.connectionId })}
        chosen={chosen}
        onChosen={setChosen}
        hasMore={query.hasNextPage}
        loadingMore={query.isFetchingNextPage}
        onEnd={() => void query.fetchNextPage()}
      />
    ) : (
      <Nothing
        parts={shown ? of(shown.name) : page.connections}
        title={shown?.title}
        narrowed={filtered(narrowing)}
        onClear={() => void navigate({ search: provider ? { provider } : {} })}
      />
    );
  const content = (
    <>
      <Filters search={search} onChange={change} page={head} providers={listed} />
      <div className="flex min-h-0 flex-1 overflow-hidden rounded-lg border bg-surface">
        <div className="flex min-h-0 min-w-0 flex-1 flex-col">
          <Loaded query={query} title={t("The workflows cannot be shown")}>
            {({ pages }) =>
              pages[0] && (
                <>
                  <Freshness
                    parts={shown ? of(shown.name) : pages[0].connections}
                    total={pages[0].total}
                    providers={providers}
                  />
                  {list(pages[0])}
                  <AddBar chosen={[...chosen.values()]} onClear={() => setChosen(new Map())} />
                </>
              )
            }
          </Loaded>
        </div>
        {workflow && (
          <Preview
            providers={providers}
            head={head}
            search={search}
            onClose={() => change({ workflow: undefined, from: undefined })}
          />
        )}
      </div>
    </>
  );
  return (
    <Tabs
      label={t("Provider")}
      className="flex-1"
      contentClassName="flex flex-col pt-3"
      value={shown?.name ?? ALL}
      onChange={(next) =>
        change({
          provider: next === ALL ? undefined : next,
          connection: undefined,
          workflow: undefined,
          from: undefined,
        })
      }
      tabs={[
        {
          value: ALL,
          label: t("All"),
          count: head && sum(head.connections),
          content: !shown && content,
        },
        ...sorted.map((each) => ({
          value: each.name,
          count: each.connections.length > 0 && head ? sum(of(each.name)) : undefined,
          label: (
            <>
              <Health parts={of(each.name)} />
              {each.title}
            </>
          ),
          content:
            each === shown && (each.connections.length > 0 ? content : <NotConnected provider={each} />),
        })),
      ]}
    />
  );
}

/** The worst state of a provider's connections, and whether one of their lists is only a part; nothing where there is none. */
function Health({ parts }: { parts: readonly OfferConnection[] }) {
  const worst = WORST.find((status) => parts.some((each) => each.status === status));
  if (!worst) return null;
  return (
    <>
      <StatusIcon status={worst} className="size-3.5" />
      {parts.some((each) => each.leftOut.length > 0) && (
        <span title={t("A part of it could not be read")}>
          <TriangleAlert
            role="img"
            aria-label={t("Not the whole list")}
            className="size-3.5 text-st-warning"
          />
        </span>
      )}
    </>
  );
}

/** Without what is not asked for. */
function given(filter: { [K in keyof OfferFilter]: OfferFilter[K] | undefined }): OfferFilter {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

/** Of the workflow that the address names; where it does not say the connection, of the only one of its provider. */
function Preview({
  providers,
  head,
  search,
  onClose,
}: {
  providers: readonly Provider[];
  head: OfferPage | undefined;
  search: ReturnType<typeof route.useSearch>;
  onClose: () => void;
}) {
  const id = search.from ?? search.connection;
  const provider = id
    ? providers.find((each) => each.connections.some((connection) => connection.id === id))
    : providers.find((each) => each.name === search.provider);
  const connectionId = id ?? provider?.connections[0]?.id;
  if (!search.workflow || !provider || !connectionId) return null;
  const name = head?.connections.find((each) => each.connectionId === connectionId)?.name;
  return (
    <PreviewPane
      key={`${connectionId} ${search.workflow}`}
      provider={provider}
      connectionId={connectionId}
      connectionName={name}
      workflowId={search.workflow}
      onClose={onClose}
    />
  );
}
