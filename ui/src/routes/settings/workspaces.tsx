import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { problemOf, toastProblem } from "@/api/problem";
import {
  sessionQuery,
  useCreateWorkspace,
  useMay,
  useRenameWorkspace,
  useSwitchWorkspace,
  workspacesQuery,
} from "@/api/queries";
import type { Workspace } from "@/api/types";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { Badge, Button, Dialog, Field, Input, Section } from "@/ui";
import { Rows, Said } from "./rows";

type Naming = { of: Workspace | null };

/** The workspaces one is in. Owners of the installation make more; admins rename theirs. */
export function Workspaces() {
  const { data: session } = useQuery(sessionQuery);
  const query = useInfiniteQuery(workspacesQuery);
  const admin = useMay("admin");
  const change = useSwitchWorkspace();
  const [naming, setNaming] = useState<Naming | null>(null);
  return (
    <Section
      title={t("Workspaces")}
      description={t("Orchestrators, connections and runs of one are not seen from another.")}
      flush
      actions={
        session?.account?.owner && (
          <Button size="sm" icon={Plus} onClick={() => setNaming({ of: null })}>
            {t("New workspace")}
          </Button>
        )
      }
    >
      <Rows query={query} label={t("Workspaces")}>
        {(item) => (
          <>
            <Said
              title={
                <>
                  <span className="truncate">{item.name}</span>
                  {item.current && <Badge tone="done">{t("open")}</Badge>}
                </>
              }
            >
              {t("Your role is {role}.", { role: item.role })}
            </Said>
            {item.current && admin && (
              <Button
                size="sm"
                aria-label={t("Rename {name}", { name: item.name })}
                onClick={() => setNaming({ of: item })}
              >
                {t("Rename")}
              </Button>
            )}
            {!item.current && (
              <Button
                size="sm"
                aria-label={t("Open {name}", { name: item.name })}
                pending={change.isPending && change.variables === item.id}
                onClick={() =>
                  change.mutate(item.id, {
                    onError: (error) => toastProblem(error, t("The workspace was not opened")),
                  })
                }
              >
                {t("Open")}
              </Button>
            )}
          </>
        )}
      </Rows>
      {naming && <Name of={naming.of} onClose={() => setNaming(null)} />}
    </Section>
  );
}

function Name({ of, onClose }: { of: Workspace | null; onClose: () => void }) {
  const create = useCreateWorkspace();
  const rename = useRenameWorkspace();
  const under = of ? rename : create;
  const [name, setName] = useState(of?.name ?? "");
  const problem = under.error ? problemOf(under.error) : null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const wanted = name.trim();
    if (!wanted || under.isPending) return;
    const onSuccess = () => {
      toast.success(of ? t("The workspace is renamed") : t("The workspace {wanted} is there", { wanted }));
      onClose();
    };
    if (of) rename.mutate({ id: of.id, name: wanted }, { onSuccess });
    else create.mutate(wanted, { onSuccess });
  };
  return (
    <Dialog
      open
      onOpenChange={onClose}
      size="sm"
      title={of ? t("Rename {name}", { name: of.name }) : t("New workspace")}
      footer={
        <>
          <Button onClick={onClose}>{t("Cancel")}</Button>
          <Button
            variant="primary"
            type="submit"
            form="workspace"
            pending={under.isPending}
            disabled={!name.trim()}
          >
            {of ? t("Rename") : t("Create workspace")}
          </Button>
        </>
      }
    >
      <form id="workspace" onSubmit={submit}>
        <Field label={t("Name")} error={problem && (problem.at("/name") ?? problem.detail ?? problem.title)}>
          <Input value={name} maxLength={80} onChange={(event) => setName(event.target.value)} autoFocus />
        </Field>
      </form>
    </Dialog>
  );
}
