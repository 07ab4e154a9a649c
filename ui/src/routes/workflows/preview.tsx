import { useQuery } from "@tanstack/react-query";
import { ExternalLink, Eye, EyeOff, RefreshCw } from "lucide-react";
import { type ReactNode, useState } from "react";
import { toastProblem } from "@/api/problem";
import { type Importable, previewQuery, remoteNodeQuery, useRefreshPreview } from "@/api/queries";
import type { Preview, Provider, RemoteWorkflow } from "@/api/types";
import type { Schema } from "@/forms";
import { useHotkeys } from "@/lib/hotkeys";
import { t } from "@/lib/text";
import { Badge, Button, CopyButton, Drawer, IconButton, JsonView, Loaded, Panel, Timestamp } from "@/ui";
import { AddButton } from "./add";
import { Drawing } from "./drawing";
import { useWide } from "./use-wide";
import { Uses } from "./used-in";

type Props = {
  provider: Provider;
  connectionId: string;
  connectionName: string | undefined;
  workflowId: string;
  onClose: () => void;
};

/** What a workflow does and takes, beside the list; over it where there is no room. */
export function PreviewPane({ provider, connectionId, connectionName, workflowId, onClose }: Props) {
  const query = useQuery(previewQuery(provider.name, workflowId, connectionId));
  const refresh = useRefreshPreview();
  const wide = useWide();
  useHotkeys({ escape: onClose }, wide);
  const title = query.data?.workflow.name ?? t("Workflow");
  const reload = (
    <IconButton
      size="sm"
      icon={RefreshCw}
      label={t("Read it again")}
      disabled={refresh.isPending}
      onClick={() =>
        refresh.mutate(
          { provider: provider.name, workflowId, connectionId },
          { onError: (error) => toastProblem(error, t("The workflow was not read")) },
        )
      }
    />
  );
  const body = (
    <Loaded query={query} title={t("The workflow cannot be shown")}>
      {(preview) => (
        <Contents
          preview={preview}
          provider={provider}
          connectionId={connectionId}
          connectionName={connectionName}
        />
      )}
    </Loaded>
  );
  const use = query.data && (
    <Footer
      workflow={query.data.workflow}
      of={{ provider: provider.name, connectionId, id: workflowId, name: query.data.workflow.name }}
    />
  );
  if (!wide) {
    return (
      <Drawer open onOpenChange={onClose} title={title} footer={use}>
        {body}
      </Drawer>
    );
  }
  return (
    <Panel
      id="workflow-preview"
      title={title}
      side="right"
      width={460}
      min={340}
      max={760}
      actions={reload}
      onClose={onClose}
      footer={use}
    >
      <div className="p-4">{body}</div>
    </Panel>
  );
}

function Contents({
  preview,
  provider,
  connectionId,
  connectionName,
}: {
  preview: Preview;
  provider: Provider;
  connectionId: string;
  connectionName: string | undefined;
}) {
  const { workflow } = preview;
  const link = workflow.url && /^https?:\/\//.test(workflow.url) ? workflow.url : null;
  return (
    <div className="flex flex-col gap-4">
      <dl className="grid grid-cols-[auto_1fr] items-center gap-x-4 gap-y-1.5 text-sm [&_dd]:min-w-0 [&_dd]:break-words [&_dt]:text-muted">
        <dt>{t("State")}</dt>
        <dd className="flex flex-wrap gap-1.5">
          <Badge tone={workflow.active ? "done" : undefined}>
            {workflow.active ? t("Active") : t("Off")}
          </Badge>
          {workflow.tags.map((tag) => (
            <Badge key={tag}>{tag}</Badge>
          ))}
        </dd>
        {connectionName && (
          <>
            <dt>{t("Connection")}</dt>
            <dd>{connectionName}</dd>
          </>
        )}
        <dt>{t("Trigger")}</dt>
        <dd>{workflow.trigger.kind}</dd>
        {workflow.trigger.path && <Path trigger={workflow.trigger} />}
        {workflow.folder && (
          <>
            <dt>{t("Folder")}</dt>
            <dd>{workflow.folder}</dd>
          </>
        )}
        <dt>{t("Changed")}</dt>
        <dd>
          <Timestamp at={workflow.updatedAt} />
        </dd>
        <dt>{t("Read")}</dt>
        <dd>
          <Timestamp at={preview.fetchedAt} />
        </dd>
      </dl>
      {link && (
        <Button asChild size="sm" className="w-fit">
          <a href={link} target="_blank" rel="noopener noreferrer">
            {t("Open in {title}", { title: provider.title })} <ExternalLink aria-hidden />
          </a>
        </Button>
      )}
      {preview.nodes.length > 0 ? (
        <Drawing preview={preview} />
      ) : (
        <p className="text-muted text-sm">
          {t("{title} does not tell the steps of this workflow.", { title: provider.title })}
        </p>
      )}
      {preview.notes.map((note) => (
        <p key={note} className="text-muted text-xs">
          {note}
        </p>
      ))}
      <Part title={t("Inputs")}>
        <Shape
          schema={preview.inputs}
          none={t("{title} does not say what it takes.", { title: provider.title })}
        />
        <Sample provider={provider.name} connectionId={connectionId} preview={preview} />
      </Part>
      {preview.outputs && (
        <Part title={t("Outputs")}>
          <Shape schema={preview.outputs} none="" />
        </Part>
      )}
      <Part title={t("Used in")}>
        <Uses provider={provider.name} connectionId={connectionId} workflowId={workflow.id} />
      </Part>
    </div>
  );
}

/** Whoever knows the path of a webhook may call it: it is shown when asked for. */
function Path({ trigger }: { trigger: RemoteWorkflow["trigger"] }) {
  const [shown, setShown] = useState(false);
  const path = trigger.path ?? "";
  const masked = `${path.slice(0, 3)}${"•".repeat(8)}`;
  return (
    <>
      <dt>{t("Path")}</dt>
      <dd className="flex items-center gap-1">
        <code className="min-w-0 truncate font-mono text-xs">
          {trigger.method && `${trigger.method} `}
          {shown ? path : masked}
        </code>
        <IconButton
          size="sm"
          icon={shown ? EyeOff : Eye}
          label={shown ? t("Hide path") : t("Show path")}
          onClick={() => setShown(!shown)}
        />
        <CopyButton text={path} label={t("Copy path")} />
      </dd>
    </>
  );
}

/** What an imported step is given as its example; made from the inputs by the server. */
function Sample({
  provider,
  connectionId,
  preview,
}: {
  provider: string;
  connectionId: string;
  preview: Preview;
}) {
  const query = useQuery({
    ...remoteNodeQuery({
      provider,
      connectionId,
      id: preview.workflow.id,
      name: preview.workflow.name,
    }),
    enabled: preview.inputs !== null,
  });
  const sample = query.data?.data.imported.sample;
  if (!sample) return null;
  return (
    <details>
      <summary className="w-fit cursor-pointer text-muted text-sm hover:text-ink">{t("Example")}</summary>
      <div className="mt-1.5">
        <JsonView value={sample} open={2} />
      </div>
    </details>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="flex flex-col gap-1.5">
      <h3 className="font-semibold text-sm">{title}</h3>
      {children}
    </section>
  );
}

/** The fields of an object schema in words; any other schema as it is. */
function Shape({ schema, none }: { schema: Preview["inputs"]; none: string }) {
  if (!schema) return <p className="text-muted text-sm">{none}</p>;
  const { properties, required } = schema as Schema;
  if (!properties || Object.keys(properties).length === 0) return <JsonView value={schema} open={1} />;
  return (
    <ul className="divide-y divide-line rounded-md border text-sm">
      {Object.entries(properties).map(([name, field]) => (
        <li key={name} className="px-3 py-1.5">
          <div className="flex flex-wrap items-baseline gap-x-2">
            <code className="font-mono text-xs">{name}</code>
            <span className="text-muted text-xs">
              {[field.type].flat().filter(Boolean).join(t(" or "))}
              {required?.includes(name) && t(" · needed")}
            </span>
          </div>
          {field.description && <p className="text-muted text-xs">{field.description}</p>}
        </li>
      ))}
    </ul>
  );
}

function Footer({ workflow, of }: { workflow: RemoteWorkflow; of: Importable }) {
  if (workflow.executable) return <AddButton workflows={[of]} />;
  return (
    <p className="text-muted text-sm">
      {t("Cannot be a step: {reason}", {
        reason: workflow.reason ?? t("it cannot be started from outside."),
      })}
    </p>
  );
}
