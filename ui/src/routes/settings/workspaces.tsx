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
      title="Workspaces"
      description="Orchestrators, connections and runs of one are not seen from another."
      flush
      actions={
        session?.account?.owner && (
          <Button size="sm" icon={Plus} onClick={() => setNaming({ of: null })}>
            New workspace
          </Button>
        )
      }
    >
      <Rows query={query} label="Workspaces">
        {(item) => (
          <>
            <Said
              title={
                <>
                  <span className="truncate">{item.name}</span>
                  {item.current && <Badge tone="done">open</Badge>}
                </>
              }
            >
              Your role is {item.role}.
            </Said>
            {item.current && admin && (
              <Button size="sm" aria-label={`Rename ${item.name}`} onClick={() => setNaming({ of: item })}>
                Rename
              </Button>
            )}
            {!item.current && (
              <Button
                size="sm"
                aria-label={`Open ${item.name}`}
                pending={change.isPending && change.variables === item.id}
                onClick={() =>
                  change.mutate(item.id, {
                    onError: (error) => toastProblem(error, "The workspace was not opened"),
                  })
                }
              >
                Open
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
      toast.success(of ? "The workspace is renamed" : `The workspace ${wanted} is there`);
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
      title={of ? `Rename ${of.name}` : "New workspace"}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            type="submit"
            form="workspace"
            pending={under.isPending}
            disabled={!name.trim()}
          >
            {of ? "Rename" : "Create workspace"}
          </Button>
        </>
      }
    >
      <form id="workspace" onSubmit={submit}>
        <Field label="Name" error={problem && (problem.at("/name") ?? problem.detail ?? problem.title)}>
          <Input value={name} maxLength={80} onChange={(event) => setName(event.target.value)} autoFocus />
        </Field>
      </form>
    </Dialog>
  );
}
