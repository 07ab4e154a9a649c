import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ListTree } from "lucide-react";
import { orchestratorQuery, orchestratorsQuery, sessionQuery, useMay } from "@/api/queries";
import { rich, t } from "@/lib/text";
import { Button, CopyButton, EmptyState } from "@/ui";

type Props = {
  /** Only its runs are asked for; else those of all. */
  orchestratorId?: string;
  onClear?: () => void;
};

/** No run yet: press Run, or call the address that starts one, which stands here ready to be copied. */
export function NeverRun({ orchestratorId, onClear }: Props) {
  const may = useMay("operator");
  const one = useQuery({ ...orchestratorQuery(orchestratorId ?? ""), enabled: orchestratorId !== undefined });
  const list = useInfiniteQuery({ ...orchestratorsQuery(""), enabled: orchestratorId === undefined });
  const flow = orchestratorId === undefined ? list.data?.pages[0]?.items[0] : one.data;
  return (
    <EmptyState
      icon={ListTree}
      title={
        orchestratorId && flow ? t("{name} has not run yet", { name: flow.name }) : t("Nothing has run yet")
      }
      actions={
        <>
          <Button asChild>
            {flow ? (
              <Link to="/orchestrators/$id" params={{ id: flow.id }}>
                {t("Open {name}", { name: flow.name })}
              </Link>
            ) : (
              <Link to="/orchestrators">{t("Open the orchestrators")}</Link>
            )}
          </Button>
          {onClear && <Button onClick={onClear}>{t("Show all runs")}</Button>}
        </>
      }
    >
      <p>
        {!may
          ? t("Runs stand here once somebody who may start them has done so.")
          : flow
            ? t("Open it and press Run, or start it from anywhere with a token:")
            : t("Make an orchestrator first; then press Run, or start it from anywhere by its address.")}
      </p>
      {may && flow && <StartAddress id={flow.id} examples={flow.definition.examples} />}
    </EmptyState>
  );
}

/** The call that starts a run, for a terminal; with the first example's inputs, where the drawing has one. */
function StartAddress({ id, examples }: { id: string; examples: unknown }) {
  const { data: session } = useQuery(sessionQuery);
  if (!session) return null;
  const address = `${session.publicUrl}/api/v1/orchestrator/${id}/run`;
  const call = [
    `curl -X POST ${address}`,
    `-H "Authorization: Bearer $BATON_TOKEN"`,
    `-H "Content-Type: application/json"`,
    `-d ${shellQuoted(JSON.stringify({ inputs: firstInputs(examples) }))}`,
  ].join(" \\\n  ");
  return (
    <div className="mt-3 flex flex-col gap-2 text-left">
      <div className="flex items-center gap-2">
        <code className="min-w-0 flex-1 break-all font-mono text-xs">{address}</code>
        <CopyButton text={address} label={t("Copy the address")} />
      </div>
      <div className="flex items-start gap-2">
        <pre className="min-w-0 flex-1 wrap-anywhere whitespace-pre-wrap rounded-md bg-sunken p-2.5 font-mono text-xs">
          {call}
        </pre>
        <CopyButton text={call} label={t("Copy the curl line")} />
      </div>
      <p className="text-xs">
        {rich("A token is made under <link>Settings, API tokens</link>.", {
          link: (inner) => (
            <Link to="/settings" search={{ section: "tokens" }} className="text-accent-text underline">
              {inner}
            </Link>
          ),
        })}
      </p>
    </div>
  );
}

function firstInputs(examples: unknown): unknown {
  const first: unknown = Array.isArray(examples) ? examples[0] : undefined;
  return typeof first === "object" && first !== null && "inputs" in first ? first.inputs : {};
}

/** In single quotes nothing is special but the single quote. */
function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
