import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Cable, RefreshCw } from "lucide-react";
import type { ReactNode } from "react";
import { toastProblem } from "@/api/problem";
import { connectionsQuery, readyQuery, sessionQuery, useMay, useTestConnection } from "@/api/queries";
import type { Connection } from "@/api/types";
import { rich, t } from "@/lib/text";
import { toast } from "@/lib/toast";
import {
  Button,
  EmptyState,
  Loaded,
  Page,
  ProviderChip,
  Section,
  type Status,
  StatusBadge,
  Timestamp,
} from "@/ui";

type Finding = { name: string; status: Status; found: string; advice?: ReactNode };

/** Whether this installation can do its work: each check with what was found, and what to change. */
export function CheckPage() {
  const ready = useQuery(readyQuery);
  const session = useQuery(sessionQuery);
  const connections = useQuery(connectionsQuery());
  const busy = ready.isFetching || connections.isFetching;
  const again = () => {
    void ready.refetch();
    void connections.refetch();
  };
  return (
    <Page
      title={t("Set-up check")}
      description={t("Whether this installation can do its work.")}
      actions={
        <Button icon={RefreshCw} pending={busy} onClick={again}>
          {t("Check again")}
        </Button>
      }
    >
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <div className="flex min-w-0 flex-col gap-4">
          <Section title={t("Server")} flush>
            <Loaded query={ready}>{(answer) => <Findings of={serverFindings(answer)} />}</Loaded>
          </Section>
          <Section title={t("Public address")} flush>
            <Loaded query={session}>{({ publicUrl }) => <Findings of={addressFindings(publicUrl)} />}</Loaded>
          </Section>
        </div>
        <Section title={t("Connections")} flush>
          <Loaded query={connections}>
            {(items) =>
              items.length ? (
                <ul className="divide-y">
                  {items.map((connection) => (
                    <ConnectionRow key={connection.id} connection={connection} />
                  ))}
                </ul>
              ) : (
                <EmptyState
                  icon={Cable}
                  title={t("Nothing is connected yet")}
                  actions={
                    <Button asChild>
                      <Link to="/connections">{t("Go to connections")}</Link>
                    </Button>
                  }
                />
              )
            }
          </Loaded>
        </Section>
      </div>
    </Page>
  );
}

function Findings({ of }: { of: readonly Finding[] }) {
  return (
    <ul className="divide-y">
      {of.map(({ name, status, found, advice }) => (
        <li key={name} className="flex items-start gap-3 px-4 py-2.5 text-sm">
          <div className="min-w-0 flex-1">
            <p className="font-medium">{name}</p>
            <p className="break-words text-muted text-xs">{found}</p>
            {advice && <p className="mt-1 text-xs">{advice}</p>}
          </div>
          <StatusBadge status={status} plain />
        </li>
      ))}
    </ul>
  );
}

function ConnectionRow({ connection }: { connection: Connection }) {
  const { id, provider, name, lastError, lastChecked, status } = connection;
  const may = useMay("operator");
  const test = useTestConnection();
  const run = () =>
    test.mutate(
      { provider, connectionId: id },
      {
        onSuccess: ({ ok, problem }) =>
          ok
            ? toast.success(t("{name} answers", { name }))
            : toast.error(problem?.message ?? t("{name} does not answer", { name })),
        onError: (error) => toastProblem(error, t("{name} was not tested", { name })),
      },
    );
  return (
    <li className="flex items-start gap-3 px-4 py-2.5 text-sm">
      <ProviderChip provider={provider} />
      <div className="min-w-0 flex-1">
        <Link to="/connections" search={{ open: id }} className="font-medium hover:underline">
          {name}
        </Link>
        <p className="text-muted text-xs">
          {lastChecked
            ? rich("Checked {when}", { when: <Timestamp at={lastChecked} /> })
            : t("Not checked yet")}
        </p>
        {lastError && (
          <p className="mt-1 break-words text-xs">
            <span className={status === "FAILING" ? "text-st-failed" : "text-muted"}>
              {lastError.message}
            </span>{" "}
            {lastError.hint}
          </p>
        )}
      </div>
      <StatusBadge status={status} plain className="mt-0.5" />
      {may && (
        <Button size="sm" pending={test.isPending} onClick={run} aria-label={t("Test {name}", { name })}>
          {t("Test")}
        </Button>
      )}
    </li>
  );
}

function serverFindings({
  database,
  migrations,
  engine,
}: {
  database: string;
  migrations: string;
  engine: string;
}): Finding[] {
  return [
    database === "ok"
      ? { name: t("Database"), status: "OK", found: t("It answers") }
      : {
          name: t("Database"),
          status: "FAILED",
          found: t("It does not answer"),
          advice: rich("Is it up, and is the address in {setting} right?", {
            setting: setting("DATABASE_URL"),
          }),
        },
    migrations === "ok"
      ? { name: t("Tables"), status: "OK", found: t("As this release needs them") }
      : migrations === "pending"
        ? {
            name: t("Tables"),
            status: "FAILED",
            found: t("Of another release"),
            advice: rich("Run {code}.", { code: <code className="font-mono">baton migrate</code> }),
          }
        : { name: t("Tables"), status: "UNKNOWN", found: t("Not known while the database does not answer") },
    engine === "running"
      ? { name: t("Engine"), status: "OK", found: t("Runs in this process") }
      : engine === "elsewhere"
        ? { name: t("Engine"), status: "OK", found: t("Left to another process; this one serves the web") }
        : {
            name: t("Engine"),
            status: "FAILED",
            found: t("It has stopped; no run goes on"),
            advice: t("Start the server again; its log says why it stopped."),
          },
  ];
}

function addressFindings(publicUrl: string): Finding[] {
  const address = new URL(publicUrl);
  const here = window.location.origin;
  const local = /^(localhost|127\.|\[::1\])/.test(address.hostname);
  const findings: Finding[] = [
    address.origin === here
      ? { name: t("Public URL"), status: "OK", found: t("{publicUrl}, as in the address bar", { publicUrl }) }
      : {
          name: t("Public URL"),
          status: "WARNING",
          found: t("{publicUrl}, but this page came from {here}", { publicUrl, here }),
          advice: rich("Set {setting} to the address that people and platforms use.", {
            setting: setting("PUBLIC_URL"),
          }),
        },
    local
      ? {
          name: t("Callbacks"),
          status: "WARNING",
          found: t("Only programs on this machine can reach this address"),
          advice: rich("For platforms elsewhere, set {setting} to an address that they can reach.", {
            setting: setting("PUBLIC_URL"),
          }),
        }
      : { name: t("Callbacks"), status: "OK", found: t("They are sent to {host}", { host: address.host }) },
  ];
  if (!local) {
    findings.push(
      address.protocol === "https:"
        ? { name: t("Encryption"), status: "OK", found: t("The address is https") }
        : {
            name: t("Encryption"),
            status: "WARNING",
            found: t("The address is plain http: tokens and sessions can be read on the way"),
            advice: rich("Put a TLS proxy in front, and set {setting} to its https address.", {
              setting: setting("PUBLIC_URL"),
            }),
          },
    );
  }
  return findings;
}

function setting(name: string): ReactNode {
  return <code className="font-mono">BATON_{name}</code>;
}
