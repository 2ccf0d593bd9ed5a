//! The handlers of `akidb.admin.v1.AdminService`: decode, call, encode.

use akidb_core::{Error, ErrorCode, Role};
use akidb_proto::admin::v1::{
    self as proto, CollectionPatterns, CreateBackupRequest, CreateBackupResponse, CreateKeyRequest,
    CreateKeyResponse, DeleteBackupRequest, DeleteBackupResponse, GetBackupRequest,
    GetBackupResponse, Key, ListBackupsRequest, ListBackupsResponse, ListKeysRequest,
    ListKeysResponse, ListLimitsRequest, ListLimitsResponse, RevokeKeyRequest, RevokeKeyResponse,
    RotateKeyRequest, RotateKeyResponse, admin_service_server::AdminService,
};
use akidb_service::{BackupInfo, IssuedKey, KeyInfo, KeyState, LimitInfo, NewKey, Service};
use tonic::{Request, Response, Status};

use crate::{call::Call, encode};

type Reply<T> = Result<Response<T>, Status>;

/// Answers for the keys and backups of a service.
pub(crate) struct AdminDoor {
    service: Service,
}

impl AdminDoor {
    pub(crate) fn new(service: Service) -> Self {
        Self { service }
    }
}

#[tonic::async_trait]
impl AdminService for AdminDoor {
    async fn create_backup(
        &self,
        request: Request<CreateBackupRequest>,
    ) -> Reply<CreateBackupResponse> {
        let (call, _) = Call::open(request)?;
        let reply = self.service.back_up(&call.context()).await;
        call.reply(reply.map(|task| CreateBackupResponse { task: Some(encode::task(task)) }))
    }

    async fn list_backups(
        &self,
        request: Request<ListBackupsRequest>,
    ) -> Reply<ListBackupsResponse> {
        let (call, _) = Call::open(request)?;
        let reply = self.service.backups(&call.context()).await;
        let backups = reply.map(|all| all.into_iter().map(backup).collect());
        call.reply(backups.map(|backups| ListBackupsResponse { backups }))
    }

    async fn get_backup(&self, request: Request<GetBackupRequest>) -> Reply<GetBackupResponse> {
        let (call, message) = Call::open(request)?;
        let reply = self.service.backup(&call.context(), &message.id).await;
        let backup = reply.map(backup);
        call.reply(backup.map(|backup| GetBackupResponse { backup: Some(backup) }))
    }

    async fn delete_backup(
        &self,
        request: Request<DeleteBackupRequest>,
    ) -> Reply<DeleteBackupResponse> {
        let (call, message) = Call::open(request)?;
        let reply = self.service.delete_backup(&call.context(), &message.id).await;
        call.reply(reply.map(|()| DeleteBackupResponse {}))
    }

    async fn create_key(&self, request: Request<CreateKeyRequest>) -> Reply<CreateKeyResponse> {
        let (call, message) = Call::open(request)?;
        let asked = call.decoded(new_key(message))?;
        let reply = self.service.create_key(&call.context(), asked).await;
        call.reply(reply.map(|IssuedKey { key, secret }| CreateKeyResponse {
            key: Some(told(key)),
            secret: secret.expose().to_owned(),
        }))
    }

    async fn list_keys(&self, request: Request<ListKeysRequest>) -> Reply<ListKeysResponse> {
        let (call, _) = Call::open(request)?;
        let reply = self.service.keys(&call.context()).await;
        let keys = reply.map(|keys| keys.into_iter().map(told).collect());
        call.reply(keys.map(|keys| ListKeysResponse { keys }))
    }

    async fn revoke_key(&self, request: Request<RevokeKeyRequest>) -> Reply<RevokeKeyResponse> {
        let (call, message) = Call::open(request)?;
        let reply = self.service.revoke_key(&call.context(), &message.id).await;
        call.reply(reply.map(|key| RevokeKeyResponse { key: Some(told(key)) }))
    }

    async fn rotate_key(&self, request: Request<RotateKeyRequest>) -> Reply<RotateKeyResponse> {
        let (call, message) = Call::open(request)?;
        let RotateKeyRequest { id, grace_seconds } = message;
        let reply = self.service.rotate_key(&call.context(), &id, grace_seconds).await;
        call.reply(reply.map(|IssuedKey { key, secret }| RotateKeyResponse {
            key: Some(told(key)),
            secret: secret.expose().to_owned(),
        }))
    }

    async fn list_limits(&self, request: Request<ListLimitsRequest>) -> Reply<ListLimitsResponse> {
        let (call, _) = Call::open(request)?;
        let reply = self.service.limits_in_force(&call.context()).await;
        let limits = reply.map(|limits| limits.into_iter().map(limit).collect());
        call.reply(limits.map(|limits| ListLimitsResponse { limits }))
    }
}

fn limit(LimitInfo { name, value, default, meaning }: LimitInfo) -> proto::Limit {
    let (name, meaning) = (name.to_owned(), meaning.to_owned());
    proto::Limit { name, value, default_value: default, meaning }
}

fn new_key(message: CreateKeyRequest) -> Result<NewKey, Error> {
    let role = match message.role() {
        proto::Role::Read => Role::Read,
        proto::Role::Write => Role::Write,
        proto::Role::Admin => Role::Admin,
        proto::Role::Unspecified => {
            let fault = "is missing or not known, allowed are ROLE_READ, ROLE_WRITE and ROLE_ADMIN";
            return Err(Error::at(ErrorCode::InvalidArgument, "role", fault));
        }
    };
    let CreateKeyRequest { name, collections, ttl_seconds, requests_per_minute, .. } = message;
    let collections = collections.map(|collections| collections.patterns);
    Ok(NewKey { name, role, collections, ttl_seconds, requests_per_minute })
}

fn told(key: KeyInfo) -> Key {
    let role = match key.role {
        Role::Read => proto::Role::Read,
        Role::Write => proto::Role::Write,
        Role::Admin => proto::Role::Admin,
    };
    let state = match key.state {
        KeyState::Active => proto::KeyState::Active,
        KeyState::Expired => proto::KeyState::Expired,
        KeyState::Revoked => proto::KeyState::Revoked,
    };
    Key {
        id: key.id,
        name: key.name,
        role: role.into(),
        collections: key.collections.map(|patterns| CollectionPatterns { patterns }),
        state: state.into(),
        created_unix_ms: key.created_unix_ms,
        expires_unix_ms: key.expires_unix_ms,
        revoked_unix_ms: key.revoked_unix_ms,
        previous_until_unix_ms: key.previous_until_unix_ms,
        requests_per_minute: key.requests_per_minute,
    }
}

fn backup(given: BackupInfo) -> proto::Backup {
    let collections = given.collections.into_iter().map(|of| proto::BackedUpCollection {
        uuid: of.uuid.to_string(),
        name: of.name,
        document_count: of.document_count,
        bytes: of.bytes,
    });
    proto::Backup {
        id: given.id.to_string(),
        created_unix_ms: given.created_unix_ms,
        version: given.version,
        bytes: given.bytes,
        collections: collections.collect(),
        fault: given.fault,
    }
}
