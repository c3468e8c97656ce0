-- Layout 1 of the register (SQLite). Tables with long rows keep their rowid: without it, whole rows would lie in the key's tree. Times are milliseconds since 1970, UTC. Sequence numbers fit 63 bits.
create table vessel (
    vessel_id text primary key, imo text not null, name text not null, enrolled_ms integer not null
) strict, without rowid;
create table vessel_key (
    public text primary key, key_id integer not null, vessel_id text not null references vessel, enrolled_ms integer not null
) strict, without rowid;
create index vessel_key_id on vessel_key (key_id);

-- What was taken: runs of sequence numbers, the bundles that brought them, a hash of every record.
create table held (
    vessel_id text not null, epoch integer not null, from_seq integer not null, to_seq integer not null,
    primary key (vessel_id, epoch, from_seq)
) strict, without rowid;
create table bundle (
    hash blob primary key, vessel_id text not null, epoch integer not null, first_seq integer not null, records integer not null,
    bytes integer not null, created_ms integer not null, received_ms integer not null, linked integer not null, times integer not null
) strict, without rowid;
create index bundle_stream on bundle (vessel_id, epoch, received_ms);
create index bundle_short on bundle (substr(hash, 1, 8));
create table record (
    vessel_id text not null, epoch integer not null, seq integer not null, hash blob not null,
    primary key (vessel_id, epoch, seq)
) strict, without rowid;
create table quarantine (
    hash blob primary key, vessel_id text not null, received_ms integer not null, seqs text not null, bytes blob not null
) strict;
create index quarantine_vessel on quarantine (vessel_id);
create table definition (
    vessel_id text not null, epoch integer not null, generation integer not null, kind integer not null, number integer not null,
    content blob not null, primary key (vessel_id, epoch, generation, kind, number)
) strict, without rowid;

-- Findings: columns for lists and filters, the whole in `body`. An update may come before its finding and waits here.
create table finding (
    vessel_id text not null, finding_id text not null, epoch integer not null, seq integer not null,
    state_epoch integer not null, state_seq integer not null,
    severity integer not null, status integer not null, last_ms integer not null, count integer not null,
    received_ms integer not null, body text not null, primary key (vessel_id, finding_id)
) strict;
create index finding_list on finding (vessel_id, last_ms desc, finding_id desc);
create index finding_fleet on finding (last_ms desc, finding_id desc);
create index finding_open on finding (vessel_id, status, severity);
create table finding_update (
    vessel_id text not null, finding_id text not null, epoch integer not null, seq integer not null,
    severity integer not null, status integer not null, last_ms integer not null, count integer not null,
    primary key (vessel_id, finding_id)
) strict;
create table finding_step (
    vessel_id text not null, finding_id text not null, epoch integer not null, seq integer not null, at_ms integer not null, body text not null,
    primary key (vessel_id, finding_id, epoch, seq)
) strict;

create table asset (
    vessel_id text not null, asset_id text not null, epoch integer not null, seq integer not null, name text not null, body text not null,
    primary key (vessel_id, asset_id)
) strict;
create index asset_list on asset (vessel_id, name, asset_id);
create table asset_merge (
    vessel_id text not null, from_id text not null, asset_id text not null, primary key (vessel_id, from_id)
) strict, without rowid;
create table asset_change (
    vessel_id text not null, epoch integer not null, seq integer not null, asset_id text not null, at_ms integer not null, body text not null,
    primary key (vessel_id, epoch, seq)
) strict;
create index asset_change_asset on asset_change (vessel_id, asset_id, at_ms);
create table gap (
    vessel_id text not null, epoch integer not null, seq integer not null, dropped integer not null, body text not null,
    primary key (vessel_id, epoch, seq)
) strict;
create table health (
    vessel_id text primary key, epoch integer not null, seq integer not null, at_ms integer not null, body text not null
) strict;
