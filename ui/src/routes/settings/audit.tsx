import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Download, Lock, ScrollText, X } from "lucide-react";
import { useMemo } from "react";
import { auditFile, auditQuery, sessionQuery, useMay } from "@/api/queries";
import type { AuditLine } from "@/api/types";
import { t } from "@/lib/text";
import {
  Button,
  type Column,
  EmptyState,
  Loaded,
  SearchInput,
  Section,
  Select,
  Table,
  Timestamp,
} from "@/ui";

const route = getRouteApi("/settings");

const KINDS = [
  { value: "any", label: t("Everything") },
  { value: "run", label: t("Runs") },
  { value: "payload", label: t("Revealed payloads") },
  { value: "dead_letter", label: t("Dead letters") },
  { value: "callback", label: t("Callbacks") },
  { value: "orchestrator", label: t("Orchestrators") },
  { value: "connection", label: t("Connections") },
  { value: "token", label: t("API tokens") },
  { value: "member", label: t("People") },
  { value: "account", label: t("Accounts") },
  { value: "session", label: t("Sessions") },
  { value: "sign_in", label: t("Refused sign-ins") },
  { value: "redaction", label: t("Redaction") },
  { value: "retention", label: t("Retention") },
  { value: "key", label: t("Keys") },
];

const columns: Column<AuditLine>[] = [
  {
    key: "at",
    header: t("When"),
    width: "88px",
    cell: (line) => <Timestamp at={line.at} className="text-muted" />,
  },
  {
    key: "by",
    header: t("Who"),
    width: "minmax(0, 3fr)",
    cell: (line) => <span title={line.by}>{line.by}</span>,
  },
  {
    key: "action",
    header: t("What"),
    width: "minmax(0, 6fr)",
    cell: (line) => (
      <span title={said(line)}>
        <span className="font-medium">{worded(line.action)}</span>
        {line.fields.length > 0 && <span className="text-muted"> {line.fields.join(", ")}</span>}
        {line.reason && <span className="text-muted"> “{line.reason}”</span>}
      </span>
    ),
  },
  {
    key: "object",
    header: t("Of"),
    width: "minmax(0, 3fr)",
    cell: (line) => <Subject line={line} />,
  },
  {
    key: "from",
    header: t("From"),
    width: "96px",
    wide: true,
    cell: (line) => <span className="font-mono text-muted text-xs">{line.address ?? "–"}</span>,
  },
];

/** Who changed what: every line, narrowed by what stands in the address, and as a file. */
export function Audit() {
  const session = useQuery(sessionQuery);
  const may = useMay("admin");
  const { by, action, object } = route.useSearch();
  const filter = { ...(by && { by }), ...(action && { action }), ...(object && { objectId: object }) };
  return (
    <Section
      title={t("Audit log")}
      description={t(
        "Who changed what, when and from where. Lines are never altered; they hold names of fields, never values.",
      )}
      flush
      actions={
        may && (
          <>
            <File filter={filter} format="csv" label={t("CSV")} />
            <File filter={filter} format="jsonl" label={t("JSON lines")} />
          </>
        )
      }
    >
      <Loaded query={session}>
        {({ role }) =>
          may ? (
            <>
              <Filters />
              <Lines filter={filter} />
            </>
          ) : (
            <EmptyState icon={Lock} title={t("Admins see the audit log")}>
              {t("Your role is {role}. A run's own history tells who started, cancelled or resumed it.", {
                role,
              })}
            </EmptyState>
          )
        }
      </Loaded>
    </Section>
  );
}

function Filters() {
  const { by = "", action, object } = route.useSearch();
  const navigate = useNavigate({ from: "/settings" });
  const go = (change: { by?: string; action?: string; object?: string }) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  return (
    <div className="flex flex-wrap items-center gap-2 border-b px-4 py-2">
      <Select
        label={t("What")}
        className="w-44"
        value={KINDS.some((kind) => kind.value === action) ? (action ?? "any") : "any"}
        onChange={(next) => go({ action: next === "any" ? undefined : next })}
        options={KINDS}
      />
      <SearchInput
        label={t("Who, exactly")}
        className="w-52 max-w-full"
        value={by}
        onChange={(next) => go({ by: next || undefined })}
      />
      {object && (
        <Button size="sm" icon={X} onClick={() => go({ object: undefined })}>
          {t("Only one object")}
        </Button>
      )}
    </div>
  );
}

function Lines({ filter }: { filter: { by?: string; action?: string; objectId?: string } }) {
  const query = useInfiniteQuery(auditQuery(filter));
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const narrowed = Object.keys(filter).length > 0;
  return (
    <Loaded query={query}>
      {() =>
        rows.length ? (
          <div className="flex h-[62vh] min-h-72 flex-col">
            <Table
              label={t("Audit log")}
              columns={columns}
              rows={rows}
              rowId={(line) => line.id}
              hasMore={query.hasNextPage && !query.isPlaceholderData}
              loadingMore={query.isFetchingNextPage}
              onEnd={() => void query.fetchNextPage()}
            />
          </div>
        ) : (
          <EmptyState icon={ScrollText} title={narrowed ? t("No line fits") : t("Nothing was changed yet")}>
            {narrowed
              ? t("Choose everything, and leave out the name, to see the others.")
              : t("What people, tokens and commands change is listed here.")}
          </EmptyState>
        )
      }
    </Loaded>
  );
}

type FileProps = { filter: object; format: "csv" | "jsonl"; label: string };

function File({ filter, format, label }: FileProps) {
  return (
    <Button asChild size="sm">
      <a href={auditFile(filter, format)} download aria-label={t("Download as {label}", { label })}>
        <Download aria-hidden className="size-3.5" />
        {label}
      </a>
    </Button>
  );
}

/** What a line is about, as a link to it where it has a page. */
function Subject({ line }: { line: AuditLine }) {
  const { objectId: id, objectKind: kind } = line;
  const name = line.objectName ?? id ?? kind.replaceAll("_", " ");
  const look = "text-accent-text hover:underline";
  if (id && kind === "run")
    return (
      <Link to="/runs/$runId" params={{ runId: id }} className={look}>
        {t("run {name}", { name })}
      </Link>
    );
  if (id && kind === "orchestrator")
    return (
      <Link to="/orchestrators/$id" params={{ id }} className={look}>
        {name}
      </Link>
    );
  if (id && kind === "dead_letter")
    return (
      <Link to="/dead-letters" search={{ open: id }} className={look}>
        {name}
      </Link>
    );
  return <span title={name}>{name}</span>;
}

/** "dead_letter.dropped" as "Dead letter dropped". */
export function worded(action: string): string {
  const words = action.replaceAll(/[._]/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function said(line: AuditLine): string {
  return [worded(line.action), line.fields.join(", "), line.reason].filter(Boolean).join(" · ");
}
