import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Cable, RefreshCw } from "lucide-react";
import type { ReactNode } from "react";
import { toastProblem } from "@/api/problem";
import { connectionsQuery, readyQuery, sessionQuery, useMay, useTestConnection } from "@/api/queries";
import type { Connection } from "@/api/types";
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
      title="Set-up check"
      description="Whether this installation can do its work."
      actions={
        <Button icon={RefreshCw} pending={busy} onClick={again}>
          Check again
        </Button>
      }
    >
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <div className="flex min-w-0 flex-col gap-4">
          <Section title="Server" flush>
            <Loaded query={ready}>{(answer) => <Findings of={serverFindings(answer)} />}</Loaded>
          </Section>
          <Section title="Public address" flush>
            <Loaded query={session}>{({ publicUrl }) => <Findings of={addressFindings(publicUrl)} />}</Loaded>
          </Section>
        </div>
        <Section title="Connections" flush>
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
                  title="Nothing is connected yet"
                  actions={
                    <Button asChild>
                      <Link to="/connections">Go to connections</Link>
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
          ok ? toast.success(`${name} answers`) : toast.error(problem?.message ?? `${name} does not answer`),
        onError: (error) => toastProblem(error, `${name} was not tested`),
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
          {lastChecked ? (
            <>
              Checked <Timestamp at={lastChecked} />
            </>
          ) : (
            "Not checked yet"
          )}
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
        <Button size="sm" pending={test.isPending} onClick={run} aria-label={`Test ${name}`}>
          Test
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
      ? { name: "Database", status: "OK", found: "It answers" }
      : {
          name: "Database",
          status: "FAILED",
          found: "It does not answer",
          advice: <>Is it up, and is the address in {setting("DATABASE_URL")} right?</>,
        },
    migrations === "ok"
      ? { name: "Tables", status: "OK", found: "As this release needs them" }
      : migrations === "pending"
        ? {
            name: "Tables",
            status: "FAILED",
            found: "Of another release",
            advice: (
              <>
                Run <code className="font-mono">baton migrate</code>.
              </>
            ),
          }
        : { name: "Tables", status: "UNKNOWN", found: "Not known while the database does not answer" },
    engine === "running"
      ? { name: "Engine", status: "OK", found: "Runs in this process" }
      : engine === "elsewhere"
        ? { name: "Engine", status: "OK", found: "Left to another process; this one serves the web" }
        : {
            name: "Engine",
            status: "FAILED",
            found: "It has stopped; no run goes on",
            advice: "Start the server again; its log says why it stopped.",
          },
  ];
}

function addressFindings(publicUrl: string): Finding[] {
  const address = new URL(publicUrl);
  const here = window.location.origin;
  const local = /^(localhost|127\.|\[::1\])/.test(address.hostname);
  const findings: Finding[] = [
    address.origin === here
      ? { name: "Public URL", status: "OK", found: `${publicUrl}, as in the address bar` }
      : {
          name: "Public URL",
          status: "WARNING",
          found: `${publicUrl}, but this page came from ${here}`,
          advice: <>Set {setting("PUBLIC_URL")} to the address that people and platforms use.</>,
        },
    local
      ? {
          name: "Callbacks",
          status: "WARNING",
          found: "Only programs on this machine can reach this address",
          advice: (
            <>For platforms elsewhere, set {setting("PUBLIC_URL")} to an address that they can reach.</>
          ),
        }
      : { name: "Callbacks", status: "OK", found: `They are sent to ${address.host}` },
  ];
  if (!local) {
    findings.push(
      address.protocol === "https:"
        ? { name: "Encryption", status: "OK", found: "The address is https" }
        : {
            name: "Encryption",
            status: "WARNING",
            found: "The address is plain http: tokens and sessions can be read on the way",
            advice: <>Put a TLS proxy in front, and set {setting("PUBLIC_URL")} to its https address.</>,
          },
    );
  }
  return findings;
}

function setting(name: string): ReactNode {
  return <code className="font-mono">BATON_{name}</code>;
}
