import Type from 'typebox'
import { nonNegativeInteger, uuid } from './values.ts'

export const fetchMetadatasRequest = Type.Object({
  metadata_sequence_number_offset: nonNegativeInteger,
  max_num_metadatas: Type.Integer({ minimum: 1, maximum: 1000 }),
})

export const fetchCourseMetadatasResponse = Type.Object({
  course_responses: Type.Array(
    Type.Object({
      uuid,
      initial_ecosystem_uuid: uuid,
      metadata_sequence_number: nonNegativeInteger,
    }),
  ),
})

export const fetchEcosystemMetadatasResponse = Type.Object({
  ecosystem_responses: Type.Array(Type.Object({ uuid, metadata_sequence_number: nonNegativeInteger })),
})
