"""Every transaction of the product, one method each; one noun a file. Nothing else opens one."""

from __future__ import annotations

from providers import Registry
from runner.database import Database
from runner.store.access import Access
from runner.store.accounts import Accounts
from runner.store.archived import Archived
from runner.store.audit import Audit
from runner.store.bell import Bell
from runner.store.breakers import Breakers
from runner.store.bulk import Bulks
from runner.store.catalog import Catalog
from runner.store.claims import Claims
from runner.store.comments import Comments
from runner.store.connections import Connections
from runner.store.definitions import Definitions
from runner.store.due import Due
from runner.store.history import History
from runner.store.identities import Identities
from runner.store.inbound import Inbound
from runner.store.incidents import Incidents
from runner.store.invitations import Invitations
from runner.store.keys import Keys
from runner.store.labels import Labels
from runner.store.letters import Letters
from runner.store.links import Links
from runner.store.messages import Messages
from runner.store.offers import Offers
from runner.store.orchestrators import Orchestrators
from runner.store.people import People
from runner.store.presence import Presence
from runner.store.publications import Publications
from runner.store.purge import Purge
from runner.store.redaction import Redactions
from runner.store.refusals import BURST, Refusals
from runner.store.resets import Resets
from runner.store.retention import Retention
from runner.store.revealing import Revealing
from runner.store.runs import Runs
from runner.store.samples import Samples
from runner.store.sessions import Sessions
from runner.store.settle import Settling
from runner.store.signing_secrets import SigningSecrets
from runner.store.slots import Slots
from runner.store.summary import Summary
from runner.store.trials import Trials
from runner.store.usages import Usages
from runner.store.waits import Waits
from runner.store.workspaces import Workspaces
from runner.vault import Vault


class Store:
    """The nouns, on one database. Owns nothing: whoever made the database closes it. `burst`: so many refused calls within a
    minute are an incident."""

    def __init__(self, database: Database, vault: Vault, registry: Registry, *, burst: int = BURST) -> None:
        definitions = Definitions()
        self.database = database
        self.vault = vault
        self.bell = Bell(database)
        self.access = Access(database)
        self.accounts = Accounts(database)
        self.people = People(database)
        self.invitations = Invitations(database)
        self.resets = Resets(database)
        self.workspaces = Workspaces(database)
        self.sessions = Sessions(database)
        self.archived = Archived(database)
        self.audit = Audit(database)
        self.redactions = redactions = Redactions(database)
        self.revealing = Revealing(database)
        self.breakers = Breakers(database, self.bell)
        self.catalog = Catalog(database)
        self.comments = Comments(database, self.bell)
        self.connections = Connections(database, vault, registry)
        self.keys = Keys(database, vault)
        self.offers = Offers(database)
        self.orchestrators = Orchestrators(database)
        self.publications = Publications(database, definitions)
        self.usages = Usages(database)
        self.history = History(database, vault, redactions)
        self.identities = Identities(database)
        self.inbound = Inbound(database, vault, redactions)
        self.incidents = Incidents(database)
        self.labels = Labels(database, self.bell)
        self.letters = Letters(database, vault, definitions, self.bell, registry, redactions)
        self.bulks = Bulks(database, self.letters, self.bell)
        self.links = Links(database)
        self.summary = Summary(database, redactions)
        self.presence = Presence(database, self.bell)
        self.retention = Retention(database, self.bell)
        self.purge = Purge(database, redactions)
        self.runs = Runs(database, vault, definitions, self.bell)
        self.samples = Samples(database, redactions)
        self.trials = Trials(database, vault, definitions, self.bell, registry)
        self.claims = Claims(database, definitions)
        self.settling = Settling(database, self.claims, self.bell)
        self.slots = Slots(database)
        self.refusals = Refusals(database, self.bell, burst=burst)
        self.messages = Messages(database)
        self.signing_secrets = SigningSecrets(database, vault)
        self.waits = Waits(database, vault, self.bell)
        self.due = Due(database, self.bell, self.waits)
