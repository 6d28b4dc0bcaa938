BEGIN TRANSACTION;
CREATE TABLE entry (
	stream TEXT NOT NULL, 
	seq BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT entry_pkey PRIMARY KEY (stream, seq)
)
 WITHOUT ROWID

;
INSERT INTO "entry" VALUES('node1',1,1795255200123456,'agent.started',1,'{"node":"node1","porter":"1.0.0","schema":"1","plugins":[{"name":"layer2","version":"1.0.0","distribution":"porter-lb"},{"name":"bgp","version":"1.0.0","distribution":"porter-lb","stub":true}],"options":{"load_balancer_class":"example.org/lb","honour_exclude_label":false}}');
INSERT INTO "entry" VALUES('node1',2,1795255200123456,'objects.relisted',1,'{"resource":"services","total":6,"services":[{"namespace":"default","name":"web","uid":"c0ffee","created":"2026-11-21T09:59:58Z","type":"LoadBalancer","load_balancer_class":"porter.kubesphere.io/porter","deleting":true,"claimed_by":"openelb","keys":"openelb","wanted_protocol":"layer2","wanted_eip":"pool-a","wanted_address":"192.168.0.91","load_balancer_ip":"192.168.0.92","policy":"Local","ports":[{"protocol":"TCP","port":80}],"selector":[["app","web"]],"ip_families":["IPv4","IPv6"],"ip_family_policy":"PreferDualStack","written_node":"node1","written_eip":"pool-a","addresses":["192.168.0.91"],"leftover_finalizers":["finalizer.lb.kubesphere.io/v1alpha1"]}],"eips":[{"name":"pool-a","uid":"beef","created":"2026-11-21T09:59:58Z","address":"192.168.0.91-192.168.0.100","protocol":"layer2","interface":"eth0","disable":true,"using_known_ips":true,"priority":3,"namespaces":["default"],"namespace_selector":[["tier","edge"]],"default":true,"foreign":true,"deleting":true}],"nodes":[{"name":"node1","addresses":["192.168.0.2"],"ready":false,"network_unavailable":true,"excluded":true,"layer2_address":"192.168.0.2","pod_ranges":["10.244.1.0/24"],"deleting":true}],"endpoints":[{"namespace":"default","name":"web-x1","service":"web","ready":["node1","node2"],"serving":["node2"],"unplaced":true}],"namespaces":[{"name":"default","labels":[["tier","edge"]]}],"agents":[{"node":"node1","nics":[{"name":"eth0","mac":"52:54:00:00:00:02","networks":["192.168.0.2/24"],"gateways":["192.168.0.1"],"up":false,"carrier":false}],"api_servers":["192.168.0.1"],"leaving":true}],"gone":["default/old"]}');
INSERT INTO "entry" VALUES('node1',3,1795255200123456,'service.observed',1,'{"service":{"namespace":"default","name":"web","uid":"c0ffee","created":"2026-11-21T09:59:58Z","type":"LoadBalancer","load_balancer_class":"porter.kubesphere.io/porter","deleting":true,"claimed_by":"openelb","keys":"openelb","wanted_protocol":"layer2","wanted_eip":"pool-a","wanted_address":"192.168.0.91","load_balancer_ip":"192.168.0.92","policy":"Local","ports":[{"protocol":"TCP","port":80}],"selector":[["app","web"]],"ip_families":["IPv4","IPv6"],"ip_family_policy":"PreferDualStack","written_node":"node1","written_eip":"pool-a","addresses":["192.168.0.91"],"leftover_finalizers":["finalizer.lb.kubesphere.io/v1alpha1"]}}');
INSERT INTO "entry" VALUES('node1',4,1795255200123456,'service.gone',1,'{"service":"default/web"}');
INSERT INTO "entry" VALUES('node1',5,1795255200123456,'eip.observed',1,'{"eip":{"name":"pool-a","uid":"beef","created":"2026-11-21T09:59:58Z","address":"192.168.0.91-192.168.0.100","protocol":"layer2","interface":"eth0","disable":true,"using_known_ips":true,"priority":3,"namespaces":["default"],"namespace_selector":[["tier","edge"]],"default":true,"foreign":true,"deleting":true}}');
INSERT INTO "entry" VALUES('node1',6,1795255200123456,'eip.gone',1,'{"eip":"pool-a"}');
INSERT INTO "entry" VALUES('node1',7,1795255200123456,'node.observed',1,'{"node":{"name":"node1","addresses":["192.168.0.2"],"ready":false,"network_unavailable":true,"excluded":true,"layer2_address":"192.168.0.2","pod_ranges":["10.244.1.0/24"],"deleting":true}}');
INSERT INTO "entry" VALUES('node1',8,1795255200123456,'node.gone',1,'{"node":"node1"}');
INSERT INTO "entry" VALUES('node1',9,1795255200123456,'endpoints.observed',1,'{"endpoints":{"namespace":"default","name":"web-x1","service":"web","ready":["node1","node2"],"serving":["node2"],"unplaced":true}}');
INSERT INTO "entry" VALUES('node1',10,1795255200123456,'endpoints.gone',1,'{"endpoints":"default/web-x1"}');
INSERT INTO "entry" VALUES('node1',11,1795255200123456,'namespace.observed',1,'{"namespace":{"name":"default","labels":[["tier","edge"]]}}');
INSERT INTO "entry" VALUES('node1',12,1795255200123456,'namespace.gone',1,'{"namespace":"default"}');
INSERT INTO "entry" VALUES('node1',13,1795255200123456,'agent.observed',1,'{"agent":{"node":"node1","nics":[{"name":"eth0","mac":"52:54:00:00:00:02","networks":["192.168.0.2/24"],"gateways":["192.168.0.1"],"up":false,"carrier":false}],"api_servers":["192.168.0.1"],"leaving":true}}');
INSERT INTO "entry" VALUES('node1',14,1795255200123456,'agent.gone',1,'{"node":"node1"}');
INSERT INTO "entry" VALUES('node1',15,1795255200123456,'agent.silent',1,'{"node":"node1","seconds":12.5}');
INSERT INTO "entry" VALUES('node1',16,1795255200123456,'agent.heard',1,'{"node":"node1"}');
INSERT INTO "entry" VALUES('node1',17,1795255200123456,'cluster.observed',1,'{"cluster":{"service_ranges":["10.96.0.0/16"],"api_servers":["192.168.0.1"]}}');
INSERT INTO "entry" VALUES('node1',18,1795255200123456,'leader.observed',1,'{"holder":"node1"}');
INSERT INTO "entry" VALUES('node1',19,1795255200123456,'assignment.decided',1,'{"cause":7,"assignment":{"service":"default/web","family":"IPv4","address":"192.168.0.91","eip":"pool-a","protocol":"layer2","nodes":["node2"],"reason":{"reason":"first-free","detail":"pool-a"},"placement":{"reason":"moved","detail":"node1"},"candidates":[{"node":"node1","verdict":{"reason":"node-not-ready"}}]},"previous_address":"192.168.0.91","previous_nodes":["node1"]}');
INSERT INTO "entry" VALUES('node1',20,1795255200123456,'assignment.ended',1,'{"cause":8,"service":"default/web","family":"IPv4","reason":{"reason":"not-ours","detail":"it is gone"},"previous_address":"192.168.0.91","previous_nodes":["node2"]}');
INSERT INTO "entry" VALUES('node1',21,1795255200123456,'pool.decided',1,'{"cause":9,"pool":{"eip":"pool-a","ready":false,"reason":{"reason":"pool-overlaps","detail":"pool-b"}}}');
INSERT INTO "entry" VALUES('node1',22,1795255200123456,'address.announced',1,'{"address":"192.168.0.91","protocol":"layer2","nic":"eth0","mac":"52:54:00:00:00:02","services":["default/web"]}');
INSERT INTO "entry" VALUES('node1',23,1795255200123456,'address.withdrawn',1,'{"address":"192.168.0.91","protocol":"layer2","nic":"eth0"}');
INSERT INTO "entry" VALUES('node1',24,1795255200123456,'address.failed',1,'{"address":"192.168.0.91","protocol":"layer2","error":"eth0 is gone"}');
INSERT INTO "entry" VALUES('node1',25,1795255200123456,'plugin.failed',1,'{"plugin":"layer2","version":"1.0.0","error":"it hung for 10 s"}');
INSERT INTO "entry" VALUES('node1',26,1795255200123456,'service.published',1,'{"service":"default/web","addresses":["192.168.0.91"],"eip":"pool-a","node":"node2"}');
INSERT INTO "entry" VALUES('node1',27,1795255200123456,'eip.published',1,'{"eip":"pool-a","usage":1,"ready":true}');
INSERT INTO "entry" VALUES('node1',28,1795255200123456,'publish.failed',1,'{"what":"Service default/web","error":"409 Conflict"}');
INSERT INTO "entry" VALUES('node1',29,1795255200123456,'agent.stopped',1,'{"node":"node1","unfinished":["layer2"]}');
INSERT INTO "entry" VALUES('node1',30,1795255200123456,'address.claimed',1,'{"address":"192.168.0.91","nic":"eth0","mac":"52:54:00:00:00:03","node":"node1","peer":"node2","held":true,"defended":true}');
INSERT INTO "entry" VALUES('nöde2',1,1795255200124456,'endpoints.observed',1,'{"endpoints":{"namespace":"default","name":"wéb-1-x","service":"wéb-1","ready":["node1"]}}');
INSERT INTO "entry" VALUES('nöde2',2,1795255200125456,'endpoints.observed',1,'{"endpoints":{"namespace":"default","name":"wéb-2-x","service":"wéb-2","ready":["node1"]}}');
INSERT INTO "entry" VALUES('nöde2',3,1795255200126456,'endpoints.observed',1,'{"endpoints":{"namespace":"default","name":"wéb-3-x","service":"wéb-3","ready":["node1"]}}');
INSERT INTO "entry" VALUES('nöde2',4,1795255200127456,'endpoints.observed',1,'{"endpoints":{"namespace":"default","name":"wéb-4-x","service":"wéb-4","ready":["node1"]}}');
INSERT INTO "entry" VALUES('nöde2',5,1795255200128456,'endpoints.observed',1,'{"endpoints":{"namespace":"default","name":"wéb-5-x","service":"wéb-5","ready":["node1"]}}');
CREATE TABLE porter_schema (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT porter_schema_pkc PRIMARY KEY (version_num)
);
INSERT INTO "porter_schema" VALUES('1');
COMMIT;
