-- Resources, their history, the outbox and the audit rows.
-- Times are microseconds since 1970-01-01T00:00:00Z, in whole milliseconds.

-- The current version of every resource. `no` rises with time and stays with the resource for life;
-- its low ten bits come from the patient compartment, so that any table can be spread by it.
create table resource (
    no      bigint   primary key,
    type    smallint not null,
    id      text     collate "C" not null,
    version integer  not null,
    updated bigint   not null,
    deleted boolean  not null,
    deed    smallint not null,
    target  bigint   not null,
    content json
);
comment on column resource.target is 'hash of type and id: joined with the key of a column it gives the key of references to it';
comment on column resource.deed is '1 made by POST, 2 made by PUT, 3 replaced by PUT, 4 patched, 5 deleted';
create unique index resource_identity on resource (type, id);
create index resource_of_type on resource (type, no) where not deleted;
create index resource_updated on resource (type, updated, no);

-- Every version that is no longer current. A deletion is a version without content.
create table resource_history (
    no      bigint   not null,
    version integer  not null,
    type    smallint not null,
    id      text     collate "C" not null,
    updated bigint   not null,
    deleted boolean  not null,
    deed    smallint not null,
    content json,
    primary key (no, version)
);
create index resource_history_updated on resource_history (type, updated, no, version);

-- Content above a page's share is compressed with the fast method where the server has it.
do $$ begin
    alter table resource alter column content set compression lz4;
    alter table resource_history alter column content set compression lz4;
exception when feature_not_supported or invalid_parameter_value then
    null;
end $$;

-- One row a change, in the transaction of the change. A follower reads rows whose xid is older than every transaction
-- still running, in the order (xid, no, version): nothing can appear behind it.
--
-- The xid is the transaction's own, or the latest that had ended when the row was written, whichever is later: a
-- transaction may have its xid for a while and then wait for the lock of another with a later one, whose change of the
-- same resource must come first.
create table outbox (
    xid     xid8     not null default greatest(
                pg_current_xact_id(),
                ((pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1)::text)::xid8),
    no      bigint   not null,
    version integer  not null,
    type    smallint not null,
    deleted boolean  not null,
    primary key (xid, no, version)
);

-- Numbers are handed to server processes in blocks, so that no write waits for this sequence.
create sequence number_block;

-- Who did what. Completed and chained by a later migration; rows are only ever added.
create table audit (
    no        bigint   primary key,
    at        bigint   not null,
    request   text     not null,
    principal text     not null,
    action    text     not null,
    type      smallint,
    id        text,
    version   integer,
    status    smallint not null
);

-- For people with SQL in their hands: names instead of numbers, JSONB instead of text.
create table resource_type (
    number smallint primary key,
    name   text not null unique
);

create view fhir_resource as
select t.name as type, r.id, r.version, to_timestamp(r.updated / 1000000.0) as updated, r.content::jsonb as content
from resource r join resource_type t on t.number = r.type
where not r.deleted;

create view fhir_history as
select t.name as type, h.id, h.version, to_timestamp(h.updated / 1000000.0) as updated, h.deleted,
       h.content::jsonb as content
from (select no, version, type, id, updated, deleted, content from resource
      union all
      select no, version, type, id, updated, deleted, content from resource_history) h
join resource_type t on t.number = h.type;

insert into resource_type (number, name) values
    (0, 'Account'), (1, 'ActivityDefinition'), (2, 'AdverseEvent'), (3, 'AllergyIntolerance'), (4, 'Appointment'),
    (5, 'AppointmentResponse'), (6, 'AuditEvent'), (7, 'Basic'), (8, 'Binary'), (9, 'BiologicallyDerivedProduct'),
    (10, 'BodyStructure'), (11, 'Bundle'), (12, 'CapabilityStatement'), (13, 'CarePlan'), (14, 'CareTeam'),
    (15, 'CatalogEntry'), (16, 'ChargeItem'), (17, 'ChargeItemDefinition'), (18, 'Claim'), (19, 'ClaimResponse'),
    (20, 'ClinicalImpression'), (21, 'CodeSystem'), (22, 'Communication'), (23, 'CommunicationRequest'), (24, 'CompartmentDefinition'),
    (25, 'Composition'), (26, 'ConceptMap'), (27, 'Condition'), (28, 'Consent'), (29, 'Contract'),
    (30, 'Coverage'), (31, 'CoverageEligibilityRequest'), (32, 'CoverageEligibilityResponse'), (33, 'DetectedIssue'), (34, 'Device'),
    (35, 'DeviceDefinition'), (36, 'DeviceMetric'), (37, 'DeviceRequest'), (38, 'DeviceUseStatement'), (39, 'DiagnosticReport'),
    (40, 'DocumentManifest'), (41, 'DocumentReference'), (42, 'EffectEvidenceSynthesis'), (43, 'Encounter'), (44, 'Endpoint'),
    (45, 'EnrollmentRequest'), (46, 'EnrollmentResponse'), (47, 'EpisodeOfCare'), (48, 'EventDefinition'), (49, 'Evidence'),
    (50, 'EvidenceVariable'), (51, 'ExampleScenario'), (52, 'ExplanationOfBenefit'), (53, 'FamilyMemberHistory'), (54, 'Flag'),
    (55, 'Goal'), (56, 'GraphDefinition'), (57, 'Group'), (58, 'GuidanceResponse'), (59, 'HealthcareService'),
    (60, 'ImagingStudy'), (61, 'Immunization'), (62, 'ImmunizationEvaluation'), (63, 'ImmunizationRecommendation'), (64, 'ImplementationGuide'),
    (65, 'InsurancePlan'), (66, 'Invoice'), (67, 'Library'), (68, 'Linkage'), (69, 'List'),
    (70, 'Location'), (71, 'Measure'), (72, 'MeasureReport'), (73, 'Media'), (74, 'Medication'),
    (75, 'MedicationAdministration'), (76, 'MedicationDispense'), (77, 'MedicationKnowledge'), (78, 'MedicationRequest'), (79, 'MedicationStatement'),
    (80, 'MedicinalProduct'), (81, 'MedicinalProductAuthorization'), (82, 'MedicinalProductContraindication'), (83, 'MedicinalProductIndication'), (84, 'MedicinalProductIngredient'),
    (85, 'MedicinalProductInteraction'), (86, 'MedicinalProductManufactured'), (87, 'MedicinalProductPackaged'), (88, 'MedicinalProductPharmaceutical'), (89, 'MedicinalProductUndesirableEffect'),
    (90, 'MessageDefinition'), (91, 'MessageHeader'), (92, 'MolecularSequence'), (93, 'NamingSystem'), (94, 'NutritionOrder'),
    (95, 'Observation'), (96, 'ObservationDefinition'), (97, 'OperationDefinition'), (98, 'OperationOutcome'), (99, 'Organization'),
    (100, 'OrganizationAffiliation'), (101, 'Parameters'), (102, 'Patient'), (103, 'PaymentNotice'), (104, 'PaymentReconciliation'),
    (105, 'Person'), (106, 'PlanDefinition'), (107, 'Practitioner'), (108, 'PractitionerRole'), (109, 'Procedure'),
    (110, 'Provenance'), (111, 'Questionnaire'), (112, 'QuestionnaireResponse'), (113, 'RelatedPerson'), (114, 'RequestGroup'),
    (115, 'ResearchDefinition'), (116, 'ResearchElementDefinition'), (117, 'ResearchStudy'), (118, 'ResearchSubject'), (119, 'RiskAssessment'),
    (120, 'RiskEvidenceSynthesis'), (121, 'Schedule'), (122, 'SearchParameter'), (123, 'ServiceRequest'), (124, 'Slot'),
    (125, 'Specimen'), (126, 'SpecimenDefinition'), (127, 'StructureDefinition'), (128, 'StructureMap'), (129, 'Subscription'),
    (130, 'Substance'), (131, 'SubstanceNucleicAcid'), (132, 'SubstancePolymer'), (133, 'SubstanceProtein'), (134, 'SubstanceReferenceInformation'),
    (135, 'SubstanceSourceMaterial'), (136, 'SubstanceSpecification'), (137, 'SupplyDelivery'), (138, 'SupplyRequest'), (139, 'Task'),
    (140, 'TerminologyCapabilities'), (141, 'TestReport'), (142, 'TestScript'), (143, 'ValueSet'), (144, 'VerificationResult'),
    (145, 'VisionPrescription');
