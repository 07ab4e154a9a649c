import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Lock, UserPlus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { problemOf, toastProblem } from "@/api/problem";
import {
  invitationsQuery,
  peopleQuery,
  sessionQuery,
  useChangeRole,
  useInvite,
  useMay,
  useRemovePerson,
  useWithdrawInvitation,
} from "@/api/queries";
import type { Member, Role } from "@/api/types";
import { toast } from "@/lib/toast";
import {
  Badge,
  Button,
  ConfirmDialog,
  CopyButton,
  Dialog,
  EmptyState,
  Field,
  Input,
  Loaded,
  Once,
  Section,
  Select,
  Timestamp,
} from "@/ui";
import { ROLES } from "./roles";
import { Rows, Said } from "./rows";

/** Who is in this workspace, and who is invited. Admins only. */
export function People() {
  const session = useQuery(sessionQuery);
  const may = useMay("admin");
  const [inviting, setInviting] = useState(false);
  return (
    <>
      <Section
        title="People"
        description={session.data && `In the workspace ${session.data.workspaceName}.`}
        flush
        actions={
          may && (
            <Button size="sm" icon={UserPlus} onClick={() => setInviting(true)}>
              Invite
            </Button>
          )
        }
      >
        <Loaded query={session}>
          {({ role, account }) =>
            may ? (
              <Members me={account?.id} />
            ) : (
              <EmptyState icon={Lock} title="Admins manage people">
                Your role is {role}. Ask an admin to invite somebody, or for the role.
              </EmptyState>
            )
          }
        </Loaded>
      </Section>
      {may && <Invitations />}
      {inviting && <Invite onClose={() => setInviting(false)} />}
    </>
  );
}

function Members({ me }: { me: string | undefined }) {
  const query = useInfiniteQuery(peopleQuery);
  const change = useChangeRole();
  const remove = useRemovePerson();
  const [asked, setAsked] = useState<Member | null>(null);
  const none = (
    <EmptyState title="Nobody yet" className="py-8">
      Only tokens know this workspace. Invite somebody.
    </EmptyState>
  );
  return (
    <>
      <Rows query={query} label="People" empty={none}>
        {(person) => (
          <>
            <Said
              title={
                <>
                  <span className="truncate">{person.name}</span>
                  {person.id === me && <Badge>you</Badge>}
                  {person.disabled && <Badge tone="failed">disabled</Badge>}
                </>
              }
            >
              {person.email ?? "no e-mail address"} · here since <Timestamp at={person.joinedDate} />
              {person.lastUsed && (
                <>
                  {" · "}seen <Timestamp at={person.lastUsed} />
                </>
              )}
            </Said>
            <div className="flex items-center gap-3">
              <Select
                className="w-32"
                label={`Role of ${person.name}`}
                value={person.role}
                options={ROLES}
                onChange={(role) =>
                  change.mutate(
                    { id: person.id, role: role as Role },
                    {
                      onSuccess: () =>
                        toast.success(`${person.name} is ${role} now`, {
                          description: "Their sessions here are ended.",
                        }),
                      onError: (error) => toastProblem(error, "The role was not changed"),
                    },
                  )
                }
              />
              <Button
                size="sm"
                variant="danger"
                aria-label={`Remove ${person.name}`}
                onClick={() => setAsked(person)}
              >
                Remove
              </Button>
            </div>
          </>
        )}
      </Rows>
      {asked && (
        <ConfirmDialog
          open
          onOpenChange={(open) => !open && setAsked(null)}
          title={`Remove ${asked.name} from this workspace?`}
          action="Remove"
          pending={remove.isPending}
          onConfirm={() =>
            remove.mutate(asked.id, {
              onSuccess: () => {
                setAsked(null);
                toast.success(`${asked.name} is removed`);
              },
              onError: (error) => toastProblem(error, "Nobody was removed"),
            })
          }
        >
          Their sessions and their own tokens here end at once. What they made stays.
        </ConfirmDialog>
      )}
    </>
  );
}

function Invitations() {
  const query = useInfiniteQuery(invitationsQuery);
  const withdraw = useWithdrawInvitation();
  if (query.data?.pages[0]?.items.length === 0) return null;
  return (
    <Section title="Invitations" description="Nobody has accepted these yet." flush>
      <Rows query={query} label="Invitations">
        {(item) => (
          <>
            <Said
              title={
                <>
                  <span className="truncate">{item.email}</span>
                  <Badge>{item.role}</Badge>
                </>
              }
            >
              by {item.createdBy} <Timestamp at={item.createdDate} /> ·{" "}
              {Date.parse(item.expires) > Date.now() ? "ends" : "ended"} <Timestamp at={item.expires} ahead />
            </Said>
            <Button
              size="sm"
              aria-label={`Withdraw the invitation of ${item.email}`}
              onClick={() =>
                withdraw.mutate(item.id, {
                  onSuccess: () => toast.success(`The invitation of ${item.email} is withdrawn`),
                  onError: (error) => toastProblem(error, "The invitation was not withdrawn"),
                })
              }
            >
              Withdraw
            </Button>
          </>
        )}
      </Rows>
    </Section>
  );
}

function Invite({ onClose }: { onClose: () => void }) {
  const invite = useInvite();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const problem = invite.error ? problemOf(invite.error) : null;
  const made = invite.data;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (email.trim() && !invite.isPending) invite.mutate({ email: email.trim(), role });
  };
  if (made) {
    return (
      <Dialog
        open
        onOpenChange={onClose}
        sticky
        size="md"
        title={`${made.email} is invited`}
        description={
          made.mailed
            ? "A mail with this link is on its way. It is not shown again."
            : "Give them this link. It is not shown again."
        }
        footer={
          <Button variant="primary" onClick={onClose}>
            Done
          </Button>
        }
      >
        <Once id="invitation" copy={<CopyButton text={made.link} label="Copy link" />}>
          {made.link}
        </Once>
        <p className="mt-3 text-muted text-sm">
          It works once, for 7 days. Whoever opens it first is that person, so send it to nobody else.
        </p>
      </Dialog>
    );
  }
  return (
    <Dialog
      open
      onOpenChange={onClose}
      size="sm"
      title="Invite somebody"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            type="submit"
            form="invite"
            pending={invite.isPending}
            disabled={!email.trim()}
          >
            Invite
          </Button>
        </>
      }
    >
      <form id="invite" onSubmit={submit} className="flex flex-col gap-4">
        <Field label="E-mail" error={problem && (problem.at("/email") ?? problem.detail ?? problem.title)}>
          <Input
            type="email"
            value={email}
            maxLength={254}
            onChange={(event) => setEmail(event.target.value)}
            autoFocus
          />
        </Field>
        <Field label="Role" hint="It can be changed later.">
          <Select value={role} onChange={(next) => setRole(next as Role)} options={ROLES} />
        </Field>
      </form>
    </Dialog>
  );
}
