# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The labels that each service discovery of Prometheus attaches to its targets, by kind and role.

Each entry is a common beginning (after __meta_), a colon, and the endings; "*" stands for a name that the
discovered system gives, such as a tag's or an annotation's. The role "*" is for kinds without roles. The kind aws and
what comes from attached objects are put together in discovery.py.
"""

from __future__ import annotations

from typing import Final

META_LABELS: Final[dict[str, dict[str, str]]] = {
    "azure": {
        "*": """
            azure_: machine_computer_name machine_id machine_location machine_name machine_os_type
            machine_private_ip machine_public_ip machine_resource_group machine_scale_set machine_size
            machine_tag_* subscription_id tenant_id
        """,
    },
    "consul": {
        "*": """
            consul_: address dc health metadata_* namespace node partition service service_address service_id
            service_metadata_* service_port tagged_address_* tags
        """,
    },
    "digitalocean": {
        "databases": "digitalocean_db_: engine host id name num_nodes private_host region size status tag_* version",
        "droplets": """
            digitalocean_: droplet_id droplet_name features image image_name private_ipv4 public_ipv4
            public_ipv6 region size status tags vpc
        """,
    },
    "dns": {
        "*": "dns_: mx_record_target name ns_record_target srv_record_port srv_record_target",
    },
    "docker": {
        "*": """
            docker_: container_id container_image container_image_id container_label_* container_name
            container_network_mode network_id network_ingress network_internal network_ip network_label_*
            network_name network_scope port_private port_public port_public_ip
        """,
    },
    "dockerswarm": {
        "nodes": """
            dockerswarm_node_: address availability engine_version hostname id label_* manager_address
            manager_leader manager_reachability platform_architecture platform_os role status
        """,
        "services": """
            dockerswarm_: network_id network_ingress network_internal network_label_* network_name network_scope
            service_endpoint_port_name service_endpoint_port_publish_mode service_id service_label_*
            service_mode service_name service_task_container_hostname service_task_container_image
            service_updating_status
        """,
        "tasks": """
            dockerswarm_: container_label_* network_id network_ingress network_internal network_label
            network_label_* network_name network_scope node_address node_availability node_hostname node_id
            node_label_* node_platform_architecture node_platform_os node_role node_status service_id
            service_label_* service_mode service_name task_container_id task_desired_state task_id
            task_port_publish_mode task_slot task_state
        """,
    },
    "ec2": {
        "*": """
            ec2_: ami architecture availability_zone availability_zone_id default_ipv6_address instance_id
            instance_lifecycle instance_state instance_type ipv6_addresses owner_id platform
            primary_ipv6_addresses primary_subnet_id private_dns_name private_ip public_dns_name public_ip
            region subnet_id tag_* vpc_id
        """,
    },
    "ecs": {
        "*": """
            ecs_: availability_zone cluster cluster_arn container_instance_arn desired_status ec2_instance_id
            ec2_instance_private_ip ec2_instance_public_ip ec2_instance_type health_status ip_address
            last_status launch_type network_mode platform_family platform_version public_ip region service
            service_arn service_status subnet_id tag_cluster_* tag_ec2_* tag_service_* tag_task_* task_arn
            task_definition task_group
        """,
    },
    "elasticache": {
        "*": """
            elasticache_: cache_cluster_arn cache_cluster_at_rest_encryption_enabled
            cache_cluster_auth_token_enabled cache_cluster_auth_token_last_modified
            cache_cluster_auto_minor_version_upgrade cache_cluster_cache_cluster_create_time
            cache_cluster_cache_cluster_id cache_cluster_cache_cluster_status cache_cluster_cache_node_type
            cache_cluster_cache_parameter_group cache_cluster_cache_subnet_group_name
            cache_cluster_client_download_landing_page cache_cluster_configuration_endpoint_address
            cache_cluster_configuration_endpoint_port cache_cluster_engine cache_cluster_engine_version
            cache_cluster_ip_discovery cache_cluster_log_delivery_configuration_delivery_stream_*
            cache_cluster_log_delivery_configuration_destination_type_*
            cache_cluster_log_delivery_configuration_log_format_*
            cache_cluster_log_delivery_configuration_log_group_*
            cache_cluster_log_delivery_configuration_log_type_*
            cache_cluster_log_delivery_configuration_message_* cache_cluster_log_delivery_configuration_status_*
            cache_cluster_network_type cache_cluster_node_availability_zone cache_cluster_node_create_time
            cache_cluster_node_customer_outpost_arn cache_cluster_node_endpoint_address
            cache_cluster_node_endpoint_port cache_cluster_node_id cache_cluster_node_parameter_group_status
            cache_cluster_node_source_cache_node_id cache_cluster_node_status
            cache_cluster_notification_topic_arn cache_cluster_notification_topic_status
            cache_cluster_num_cache_nodes cache_cluster_pending_modified_values_auth_token_status
            cache_cluster_pending_modified_values_cache_node_ids_to_remove
            cache_cluster_pending_modified_values_cache_node_type
            cache_cluster_pending_modified_values_engine_version
            cache_cluster_pending_modified_values_num_cache_nodes
            cache_cluster_pending_modified_values_transit_encryption_enabled
            cache_cluster_pending_modified_values_transit_encryption_mode
            cache_cluster_preferred_availability_zone cache_cluster_preferred_maintenance_window
            cache_cluster_preferred_outpost_arn cache_cluster_replication_group_id
            cache_cluster_replication_group_log_delivery_enabled cache_cluster_security_group_membership_id_*
            cache_cluster_security_group_membership_status_* cache_cluster_snapshot_retention_limit
            cache_cluster_snapshot_window cache_cluster_tag_* cache_cluster_transit_encryption_enabled
            cache_cluster_transit_encryption_mode deployment_option serverless_cache_arn
            serverless_cache_cache_usage_limit_data_storage_maximum
            serverless_cache_cache_usage_limit_data_storage_minimum
            serverless_cache_cache_usage_limit_data_storage_unit
            serverless_cache_cache_usage_limit_ecpu_per_second_maximum
            serverless_cache_cache_usage_limit_ecpu_per_second_minimum serverless_cache_create_time
            serverless_cache_daily_snapshot_time serverless_cache_description serverless_cache_endpoint_address
            serverless_cache_endpoint_port serverless_cache_endpoint_reader_address
            serverless_cache_endpoint_reader_port serverless_cache_engine serverless_cache_full_engine_version
            serverless_cache_kms_key_id serverless_cache_major_engine_version serverless_cache_name
            serverless_cache_reader_endpoint_address serverless_cache_reader_endpoint_port
            serverless_cache_security_group_id_* serverless_cache_snapshot_retention_limit
            serverless_cache_status serverless_cache_subnet_id_* serverless_cache_tag_*
            serverless_cache_user_group_id
        """,
    },
    "eureka": {
        "*": """
            eureka_app_: instance_country_id instance_datacenterinfo_* instance_datacenterinfo_metadata_*
            instance_datacenterinfo_name instance_healthcheck_url instance_homepage_url instance_hostname
            instance_id instance_ip_addr instance_metadata_* instance_port instance_port_enabled
            instance_secure_port instance_secure_port_enabled instance_secure_vip_address instance_status
            instance_statuspage_url instance_vip_address name
        """,
    },
    "file": {
        "*": ": filepath",
    },
    "gce": {
        "*": """
            gce_: instance_id instance_name instance_status interface_ipv4_* label_* machine_type metadata_*
            network private_ip project public_ip subnetwork tags zone
        """,
    },
    "hetzner": {
        "*": """
            hetzner_: datacenter hcloud_cpu_cores hcloud_cpu_type hcloud_datacenter_location
            hcloud_datacenter_location_network_zone hcloud_disk_size_gb hcloud_image_description
            hcloud_image_name hcloud_image_os_flavor hcloud_image_os_version hcloud_label_*
            hcloud_labelpresent_* hcloud_location hcloud_location_network_zone hcloud_memory_size_gb
            hcloud_private_ipv4_* hcloud_server_type public_ipv4 public_ipv6_network robot_cancelled
            robot_datacenter robot_product role server_id server_name server_status
        """,
    },
    "http": {
        "*": ": url",
    },
    "ionos": {
        "*": """
            ionos_server_: availability_zone boot_cdrom_id boot_image_id boot_volume_id cpu_family id ip
            lifecycle name nic_ip_* servers_id state type
        """,
    },
    "kubernetes": {
        "endpoints": """
            kubernetes_: endpoint_address_target_kind endpoint_address_target_name endpoint_hostname
            endpoint_node_name endpoint_port_name endpoint_port_protocol endpoint_ready endpoints_annotation_*
            endpoints_annotationpresent_* endpoints_label_* endpoints_labelpresent_* endpoints_name namespace
        """,
        "endpointslice": """
            kubernetes_: endpointslice_address_target_kind endpointslice_address_target_name
            endpointslice_address_type endpointslice_annotation_* endpointslice_annotationpresent_*
            endpointslice_endpoint_conditions_ready endpointslice_endpoint_conditions_serving
            endpointslice_endpoint_conditions_terminating endpointslice_endpoint_hostname
            endpointslice_endpoint_node_name endpointslice_endpoint_topology_*
            endpointslice_endpoint_topology_present_* endpointslice_endpoint_zone endpointslice_label_*
            endpointslice_labelpresent_* endpointslice_name endpointslice_port endpointslice_port_app_protocol
            endpointslice_port_name endpointslice_port_protocol namespace
        """,
        "ingress": """
            kubernetes_: ingress_annotation_* ingress_annotationpresent_* ingress_class_name ingress_host
            ingress_label_* ingress_labelpresent_* ingress_name ingress_path ingress_scheme namespace
        """,
        "node": """
            kubernetes_node_: address_* annotation_* annotationpresent_* condition_* label_* labelpresent_* name
            provider_id
        """,
        "pod": """
            kubernetes_: namespace pod_annotation_* pod_annotationpresent_* pod_container_id pod_container_image
            pod_container_init pod_container_name pod_container_port_name pod_container_port_number
            pod_container_port_protocol pod_controller_kind pod_controller_name pod_cronjob_name
            pod_deployment_name pod_host_ip pod_ip pod_job_name pod_label_* pod_labelpresent_* pod_name
            pod_node_name pod_phase pod_ready pod_uid
        """,
        "service": """
            kubernetes_: namespace service_annotation_* service_annotationpresent_* service_cluster_ip
            service_external_name service_label_* service_labelpresent_* service_loadbalancer_ip service_name
            service_port_name service_port_number service_port_protocol service_type
        """,
    },
    "kuma": {
        "*": "kuma_: dataplane label_* mesh service",
    },
    "lightsail": {
        "*": """
            lightsail_: availability_zone blueprint_id bundle_id instance_name instance_state
            instance_support_code ipv6_addresses private_ip public_ip region tag_*
        """,
    },
    "linode": {
        "*": """
            linode_: backups extra_ips gpus group hypervisor image instance_id instance_label ipv6_ranges
            private_ipv4 private_ipv4_rdns public_ipv4 public_ipv4_rdns public_ipv6 public_ipv6_rdns region
            specs_disk_bytes specs_memory_bytes specs_transfer_bytes specs_vcpus status tags type
        """,
    },
    "marathon": {
        "*": "marathon_: app app_label_* image port_definition_label_* port_index port_mapping_label_* task",
    },
    "msk": {
        "*": """
            msk_: broker_client_subnet broker_client_vpc_ip broker_endpoint_index broker_id
            broker_node_exporter_enabled cluster_arn cluster_configuration_arn cluster_configuration_revision
            cluster_jmx_exporter_enabled cluster_kafka_version cluster_name cluster_state cluster_tag_*
            cluster_type cluster_version controller_endpoint_index node_added_time node_arn node_attached_eni
            node_instance_type node_type
        """,
    },
    "nerve": {
        "*": "nerve_: endpoint_host endpoint_name endpoint_port path",
    },
    "nomad": {
        "*": "nomad_: address dc namespace node_id service service_address service_id service_port tags",
    },
    "oci": {
        "*": """
            oci_: availability_domain compartment_id defined_tag_* fault_domain hostname_label image_id
            instance_id instance_name instance_shape instance_state ipv6_addresses private_ip public_ip region
            tag_* tenancy_id vnic_id
        """,
    },
    "openstack": {
        "hypervisor": "openstack_hypervisor_: host_ip hostname id state status type",
        "instance": """
            openstack_: address_pool instance_flavor instance_id instance_image instance_name instance_status
            private_ip project_id public_ip tag_* user_id
        """,
        "loadbalancer": """
            openstack_: loadbalancer_availability_zone loadbalancer_floating_ip loadbalancer_id
            loadbalancer_name loadbalancer_operating_status loadbalancer_provider
            loadbalancer_provisioning_status loadbalancer_tags loadbalancer_vip project_id
        """,
    },
    "outscale": {
        "*": "outscale_vm_: instance_id private_ip public_ip region state subregion tag_*",
    },
    "ovhcloud": {
        "dedicated_server": """
            ovhcloud_dedicated_server_: commercial_range datacenter ipv4 ipv6 link_speed name no_intervention os
            rack reverse server_id state support_level
        """,
        "vps": """
            ovhcloud_vps_: cluster datacenter disk display_name ipv4 ipv6 keymap maximum_additional_ip memory
            memory_limit monitoring_ip_blocks name netboot_mode offer offer_type state vcore version zone
        """,
    },
    "puppetdb": {
        "*": "puppetdb_: certname environment exported file parameter_* query resource tags title type",
    },
    "rds": {
        "*": """
            rds_: cluster_activity_stream_kinesis_stream_name cluster_activity_stream_kms_key_id
            cluster_activity_stream_mode cluster_activity_stream_status cluster_allocated_storage cluster_arn
            cluster_auto_minor_version_upgrade cluster_automatic_restart_time
            cluster_aws_backup_recovery_point_arn cluster_backtrack_consumed_change_records
            cluster_backtrack_window cluster_backup_retention_period cluster_capacity cluster_character_set_name
            cluster_clone_group_id cluster_cluster_create_time cluster_cluster_scalability_type
            cluster_copy_tags_to_snapshot cluster_cross_account_clone cluster_database_insights_mode
            cluster_database_name cluster_db_system_id cluster_deletion_protection
            cluster_earliest_backtrack_time cluster_earliest_restorable_time cluster_endpoint cluster_engine
            cluster_engine_lifecycle_support cluster_engine_mode cluster_engine_version
            cluster_global_cluster_identifier cluster_global_write_forwarding_requested
            cluster_global_write_forwarding_status cluster_hosted_zone_id cluster_http_endpoint_enabled
            cluster_iam_database_authentication_enabled cluster_identifier cluster_instance_class
            cluster_io_optimized_next_allowed_modification_time cluster_iops cluster_kms_key_id
            cluster_latest_restorable_time cluster_local_write_forwarding_status cluster_master_username
            cluster_monitoring_interval cluster_monitoring_role_arn cluster_multi_az cluster_network_type
            cluster_parameter_group cluster_percent_progress cluster_performance_insights_enabled
            cluster_performance_insights_kms_key_id cluster_performance_insights_retention_period cluster_port
            cluster_preferred_backup_window cluster_preferred_maintenance_window cluster_publicly_accessible
            cluster_reader_endpoint cluster_replication_source_identifier cluster_resource_id
            cluster_serverless_v2_platform_version cluster_status cluster_storage_encrypted
            cluster_storage_encryption_type cluster_storage_throughput cluster_storage_type cluster_subnet_group
            cluster_tag_* cluster_upgrade_rollout_order
            instance_activity_stream_engine_native_audit_fields_included
            instance_activity_stream_kinesis_stream_name instance_activity_stream_kms_key_id
            instance_activity_stream_mode instance_activity_stream_policy_status instance_activity_stream_status
            instance_allocated_storage instance_arn instance_auto_minor_version_upgrade
            instance_automatic_restart_time instance_automation_mode instance_availability_zone
            instance_aws_backup_recovery_point_arn instance_backup_retention_period instance_backup_target
            instance_ca_certificate_identifier instance_character_set_name instance_class
            instance_copy_tags_to_snapshot instance_custom_iam_instance_profile
            instance_customer_owned_ip_enabled instance_database_insights_mode instance_db_cluster_identifier
            instance_db_name instance_db_system_id instance_dedicated_log_volume instance_deletion_protection
            instance_endpoint_address instance_endpoint_hosted_zone_id instance_endpoint_port instance_engine
            instance_engine_lifecycle_support instance_engine_version instance_enhanced_monitoring_resource_arn
            instance_iam_database_authentication_enabled instance_identifier instance_instance_create_time
            instance_iops instance_is_cluster_writer instance_is_storage_config_upgrade_available
            instance_kms_key_id instance_latest_restorable_time instance_license_model
            instance_listener_endpoint_address instance_listener_endpoint_hosted_zone_id
            instance_listener_endpoint_port instance_master_username instance_max_allocated_storage
            instance_monitoring_interval instance_monitoring_role_arn instance_multi_az instance_multi_tenant
            instance_nchar_character_set_name instance_network_type instance_percent_progress
            instance_performance_insights_enabled instance_performance_insights_kms_key_id
            instance_performance_insights_retention_period instance_port instance_preferred_backup_window
            instance_preferred_maintenance_window instance_promotion_tier instance_publicly_accessible
            instance_read_replica_source_db_cluster_identifier
            instance_read_replica_source_db_instance_identifier instance_replica_mode instance_resource_id
            instance_resume_full_automation_mode_time instance_secondary_availability_zone instance_status
            instance_storage_encrypted instance_storage_encryption_type instance_storage_throughput
            instance_storage_type instance_storage_volume_status instance_subnet_group instance_tag_*
            instance_tde_credential_arn instance_timezone instance_upgrade_rollout_order
        """,
    },
    "scaleway": {
        "baremetal": """
            scaleway_baremetal_: id name os_name os_version project_id public_ipv4 public_ipv6 status tags type
            zone
        """,
        "instance": """
            scaleway_instance_: boot_type hostname id image_arch image_id image_name location_cluster_id
            location_hypervisor_id location_node_id name organization_id private_ipv4 project_id public_ipv4
            public_ipv4_addresses public_ipv6 public_ipv6_addresses region security_group_id security_group_name
            status tags type zone
        """,
    },
    "serverset": {
        "*": "serverset_: endpoint_host endpoint_host_* endpoint_port endpoint_port_* path shard status",
    },
    "stackit": {
        "*": """
            stackit_: availability_zone id label_* labelpresent_* name power_status private_ipv4_* project
            public_ipv4 status type
        """,
    },
    "triton": {
        "cn": "triton_machine_: alias id",
        "container": "triton_: groups machine_alias machine_brand machine_id machine_image server_id",
    },
    "uyuni": {
        "*": """
            uyuni_: endpoint_name exporter groups metrics_path minion_hostname primary_fqdn proxy_module scheme
            system_id
        """,
    },
    "vultr": {
        "*": """
            vultr_instance_: allowed_bandwidth_gb disk_gb features hostname id internal_ip label main_ip
            main_ipv6 os os_id plan ram_mb region server_status tags vcpu_count
        """,
    },
}
